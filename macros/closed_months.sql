{#- Billing months whose accounting period had been closed when the newest bill line became known, or at the
    `as_of` var. Until then a bill may still be completed, so the close checks leave it alone. -#}
{% macro closed_months() -%}
    {#- Named with and without the var, so that one parse of dbt serves both. -#}
    {%- set bill_lines = ref('int_invoice_lines_identified') -%}
    select posting_month as billing_month
    from {{ ref('int_posting_periods') }}
    where
        known_until_at < {% if var('as_of') | string | length > 0 -%} cast('{{ var("as_of") }}' as timestamp)
        {%- else -%} (select max(ingested_at) from {{ bill_lines }})
        {%- endif %}
{%- endmacro %}
