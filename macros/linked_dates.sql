{#- The dates to build again, with every other date that shares an interaction or a provider response
    with one of them, in the old rows or the new: their attempts take their date or bearer from each other. -#}
{% macro linked_dates(relation, dates) -%}
    {%- if dates | length == 0 -%} {{ return([]) }} {%- endif -%}
    {%- set linked -%}
        {%- for key in ['interaction_id', 'provider_response_id'] %}
        select distinct cast(attempt_date as varchar) as linked_date
        from {{ relation }}
        where {{ key }} in (
            select {{ key }} from {{ relation }} where {{ falls_on_dates('started_at', dates) }}
            union all
            select {{ key }} from {{ this }} where {{ falls_on_dates('started_at', dates) }}
        )
        {{ 'union' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {{ return((dates + (run_query(linked).columns[0].values() | list)) | unique | sort) }}
{%- endmacro %}
