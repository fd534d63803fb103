{#- The columns of every family of FOCUS charges, in their order and types, read from the CTE above.
    Columns that a family does not have are named in `absent` and become null. -#}
{% macro focus_charge_columns(absent=[]) -%}
    {%- set names = namespace(unused=absent | list) -%}
    {%- for column, data_type in focus_charge_types().items() %}
        {%- if column in absent %}
        cast(null as {{ data_type }}) as {{ column }}
            {%- do names.unused.remove(column) %}
        {%- else %}
        cast({{ column }} as {{ data_type }}) as {{ column }}
        {%- endif %}
        {{- ',' if not loop.last }}
    {%- endfor %}
    {%- if names.unused %}{{ exceptions.raise_compiler_error('FOCUS charges have no column ' ~ names.unused | join(', ')) }}{% endif %}
{%- endmacro %}

{#- Name and type of each column of a FOCUS charge before it gets the specification's names; texts unless said.
    Amounts and unit prices are in billing currency, those that start with `pricing_` in pricing currency. -#}
{% macro focus_charge_types() -%}
    {%- set columns = (
        'charge_family bill_id invoice_detail_id invoice_line_id reference_invoice_id billing_account_id provider_id model_id pricing_mode token_class'
        ~ ' sku_id sku_price_id sku_meter region_id business_unit_id application_id component_id contributing_team_id environment'
        ~ ' commitment_id commitment_status allocation_method allocated_resource_id origin_charge_id residual_class principal_id credential_id'
        ~ ' charge_category charge_class charge_frequency charge_description pricing_category pricing_unit consumed_unit pricing_currency'
        ~ ' billing_currency invoice_issuer_name service_provider_name host_provider_name'
        ~ ' service_name service_category service_subcategory source_changes'
        ~ ' pricing_quantity:numeric(38,12) consumed_quantity:numeric(38,12) commitment_quantity:numeric(38,12)'
        ~ ' list_unit_price:numeric(38,12) contracted_unit_price:numeric(38,12)'
        ~ ' pricing_currency_list_unit_price:numeric(38,12) pricing_currency_contracted_unit_price:numeric(38,12)'
        ~ ' pricing_currency_effective_cost:numeric(38,12)'
        ~ ' list_cost:numeric(38,12) contracted_cost:numeric(38,12) effective_cost:numeric(38,12) billed_cost:numeric(38,12)'
        ~ ' on_demand_equivalent_cost:numeric(38,12) allocated_ratio:numeric(38,12) attempt_count:bigint'
        ~ ' billing_month:date billing_period_start:timestamp billing_period_end:timestamp'
        ~ ' charge_period_start:timestamp charge_period_end:timestamp'
    ).split() -%}
    {%- set types = {} -%}
    {%- for column in columns -%}
        {%- do types.update({column.split(':')[0]: column.split(':')[1] if ':' in column else 'varchar'}) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}

{#- The columns of a FOCUS dataset under the specification's quoted names, out of snake_case columns. The
    contract of the model that calls it says which, in which order and type. -#}
{% macro focus_dataset_columns(columns) -%}
    {%- for column in columns.values() %}
        cast({{ focus_source_column(column.name) }} as {{ column.data_type }}) as "{{ column.name }}"{{ ',' if not loop.last }}
    {%- else %}
        1 as parsed_without_columns
    {%- endfor %}
{%- endmacro %}

{#- The snake_case name of a FOCUS column; our own lose the `x_` that sets them apart: `x_BillId` is bill_id. -#}
{% macro focus_source_column(name) -%}
    {{ return(modules.re.sub('(?<=[a-z])(?=[A-Z])', '_', modules.re.sub('^x_', '', name)) | lower) }}
{%- endmacro %}

{#- What a reader of a bill calls a class of tokens. -#}
{% macro focus_meter(token_class) -%}
    case {{ token_class }}
        when 'input_uncached' then 'Input Tokens'
        when 'cache_read' then 'Input Cache Read Tokens'
        when 'cache_write_5m' then 'Input Cache Write Tokens'
        when 'cache_write_1h' then 'Input Cache Write One Hour Tokens'
        when 'output' then 'Output Tokens'
        when 'input_audio' then 'Input Audio Tokens'
        when 'output_audio' then 'Output Audio Tokens'
        when 'input_image' then 'Input Image Tokens'
        when 'other_meters' then 'Other Meters'
        else {{ token_class }}
    end
{%- endmacro %}

{#- A flat JSON object of texts. Absent values are left out; null when none is there. -#}
{% macro flat_json(values) -%}
    case when {% for text in values.values() %}{{ 'or ' if not loop.first }}{{ text }} is not null {% endfor %}then
        '{' || substr(
            {%- for name, text in values.items() %}
            {{ '|| ' if not loop.first }}coalesce(',"{{ name }}":"' || {{ escaped_json_text(text) }} || '"', '')
            {%- endfor %}, 2) || '}'
    end
{%- endmacro %}

{#- USD in the currency of an account whose unit costs `usd_rate` USD, cut to 12 decimals. -#}
{% macro in_billing_currency(amount_usd, usd_rate) -%}
    case
        when {{ usd_rate }} = 1 then cast({{ amount_usd }} as decimal(38, 12))
        else {{ scaled_usd(amount_usd, '1000000', 'cast(' ~ usd_rate ~ ' * 1000000 as decimal(38, 0))') }}
    end
{%- endmacro %}

{#- The rows of a relation with their place among those that share an origin: laid end to end by weight,
    `weight_until_row` of `weight_total`. `order_by` ends in a key. -#}
{% macro focus_shares(relation, origin, order_by) -%}
    select
        *,
        sum(weight) over (partition by {{ origin | join(', ') }}) as weight_total,
        count(*) over (partition by {{ origin | join(', ') }}) as bearers,
        sum(weight) over (
            partition by {{ origin | join(', ') }}
            order by {{ order_by | join(', ') }}
            rows between unbounded preceding and current row
        ) as weight_until_row
    from {{ relation }}
{%- endmacro %}

{#- A row's part of an amount, after focus_shares: differences of rounded-down running parts, so that the parts
    of an origin add up to it. The part of 1 is the row's ratio. -#}
{% macro focus_part(amount) -%}
    {{ scaled_usd(amount, 'weight_until_row', 'weight_total') }}
    - {{ scaled_usd(amount, 'weight_until_row - weight', 'weight_total') }}
{%- endmacro %}

{#- Quantity x unit price, cut to 12 decimals. Null without a price. -#}
{% macro focus_cost(quantity, unit_price) -%}
    {{ scaled_usd('cast(' ~ unit_price ~ ' as decimal(18, 12))', '(' ~ quantity ~ ') * 1000000000000', '1000000000000') }}
{%- endmacro %}

{#- The price of one unit out of a cost, rounded to 12 decimals. Null when there are no units. -#}
{% macro focus_unit_price(cost, quantity) -%}
    cast(
        cast({{ whole_quotient(
            'cast(' ~ cost ~ ' * 1000000000000 as decimal(38, 0)) * 2000000000000'
            ~ ' + cast(' ~ quantity ~ ' * 1000000000000 as decimal(38, 0))',
            '(2 * cast(' ~ quantity ~ ' * 1000000000000 as decimal(38, 0)))',
        ) }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as numeric(38, 12)
    )
{%- endmacro %}

{#- What tells apart the usage of a day that becomes a charge of its own. -#}
{% macro focus_usage_attributes() -%}
    {{ return([
        'attempt_date', 'billing_month', 'billing_account_id', 'provider_id', 'model_id', 'pricing_mode', 'price_mode',
        'price_id', 'region_id', 'business_unit_id', 'application_id', 'component_id', 'contributing_team_id',
        'environment', 'commitment_pool_id', 'is_covered',
    ]) }}
{%- endmacro %}

{#- Side of the model that a class of tokens is on; null for what are no tokens. -#}
{% macro focus_token_direction(token_class) -%}
    case
        when {{ token_class }} in ('output', 'output_audio') then 'Output'
        when {{ token_class }} like 'input%' or {{ token_class }} like 'cache%' then 'Input'
    end
{%- endmacro %}

{#- What a class of tokens does to the cache; null for what are no tokens. -#}
{% macro focus_token_cache_action(token_class) -%}
    case
        when {{ token_class }} = 'cache_read' then 'Read'
        when {{ token_class }} like 'cache_write%' then 'Write'
        when {{ token_class }} like 'input%' or {{ token_class }} like 'output%' then 'None'
    end
{%- endmacro %}

{#- Version of the specification that a dataset follows, told by its name. -#}
{% macro focus_version(model) -%}
    {{ return('1.2' if model.identifier.lower().endswith('_v1_2') else '1.4') }}
{%- endmacro %}

{#- Name of a column that came after FOCUS 1.2, as a dataset of either version calls it. -#}
{% macro focus_later_column(model, name) -%}
    "{{ 'x_' if focus_version(model) == '1.2' }}{{ name }}"
{%- endmacro %}

{#- The columns that a built relation has, one row per column with its position from 1. -#}
{% macro focus_columns_of(model) -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(model) %}
        select {{ loop.index }} as position, '{{ column.name }}' as column_name
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    {%- else -%} select 1 as position, '' as column_name
    {%- endif -%}
{%- endmacro %}
