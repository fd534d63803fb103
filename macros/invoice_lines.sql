{#- The columns of every stg_<billing source>__invoice_lines, in their order and types, read from the CTE
    above. Columns that a source does not have are named in `absent` and become null. -#}
{% macro invoice_line_columns(absent=[]) -%}
    {%- set names = namespace(unused=absent | list) -%}
    {%- for column, data_type in invoice_line_types().items() %}
        {%- if column in absent %}
        cast(null as {{ data_type }}) as {{ column }}
            {%- do names.unused.remove(column) %}
        {%- else %}
        cast({{ column }} as {{ data_type }}) as {{ column }}
        {%- endif %}
        {{- ',' if not loop.last }}
    {%- endfor %}
    {%- if names.unused %}{{ exceptions.raise_compiler_error('Invoice lines have no column ' ~ names.unused | join(', ')) }}{% endif %}
{%- endmacro %}

{#- Name and type of each column of an invoice line; texts unless said. -#}
{% macro invoice_line_types() -%}
    {%- set columns = (
        'invoice_line_id version_no:bigint source_name source_record_id invoice_id invoice_detail_id reference_invoice_id provider_id'
        ~ ' invoice_issuer_name service_provider_name host_provider_name billing_account_id sub_account_id api_key_hash model_billed'
        ~ ' resource_id region_id sku_id sku_price_id commitment_id capacity_reservation_id'
        ~ ' document_type charge_category charge_class charge_frequency charge_description service_category service_subcategory'
        ~ ' service_name sku_meter token_class pricing_mode pricing_category pricing_unit consumed_unit commitment_category'
        ~ ' commitment_type commitment_status commitment_unit capacity_reservation_status billing_currency pricing_currency'
        ~ ' billing_account_name billing_account_type sub_account_name sub_account_type resource_name resource_type region_name'
        ~ ' sku_price_details tags source_changes'
        ~ ' pricing_quantity:numeric(38,12) pricing_unit_scale:bigint consumed_quantity:numeric(38,12) commitment_quantity:numeric(38,12)'
        ~ ' list_unit_price:numeric(38,12) contracted_unit_price:numeric(38,12) list_cost:numeric(38,12) contracted_cost:numeric(38,12)'
        ~ ' effective_cost:numeric(38,12) billed_cost:numeric(38,12)'
        ~ ' is_estimated:boolean'
        ~ ' billing_period_start:timestamp billing_period_end:timestamp charge_period_start:timestamp charge_period_end:timestamp'
        ~ ' issued_at:timestamp ingested_at:timestamp record_hash'
    ).split() -%}
    {%- set types = {} -%}
    {%- for column in columns -%}
        {%- do types.update({column.split(':')[0]: column.split(':')[1] if ':' in column else 'varchar'}) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}

{#- Text of a bill without the words that some exports write for a null. -#}
{% macro bill_text(column) -%}
    case when upper(trim({{ column }})) not in ('', 'NULL') then trim({{ column }}) end
{%- endmacro %}

{#- One text of the given texts and times, the same on both engines. -#}
{% macro joined_key(texts, times) -%}
    {%- for column in texts %} coalesce({{ column }}, '') || '|' || {% endfor -%}
    {%- for column in times %} coalesce(cast({{ epoch_microseconds(column) }} as varchar), '') || '|'
        {{- ' || ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Single units in one unit of a bill: 1000000 for `1M Tokens`, 1000 for `1000_tokens`, else 1. -#}
{% macro unit_scale(unit) -%}
    {%- set text = "replace(lower(coalesce(" ~ unit ~ ", '')), ',', '')" -%}
    coalesce(nullif(try_cast(nullif({{ replace_pattern(text, '[^0-9].*$', '') }}, '') as bigint), 0), 1) * case
        when {{ matches_pattern(text, '[0-9]+(k| thousand)([ _/].*)?') }} then 1000
        when {{ matches_pattern(text, '[0-9]+(m| million)([ _/].*)?') }} then 1000000
        else 1
    end
{%- endmacro %}

{#- Named findings as a comma list, in the order given; null when there is none. -#}
{% macro named_findings(findings, separator=',') -%}
    nullif(substr(
        {%- for name, condition in findings.items() %}
        {{ '|| ' if not loop.first }}case when {{ condition }} then '{{ separator }}{{ name }}' else '' end
        {%- endfor %}, 2), '')
{%- endmacro %}
