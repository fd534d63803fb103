{{ config(materialized='table') }}

{%- set month = [
    'billing_account_id', 'provider_id', 'model_id', 'price_mode', 'utc_month',
    'billing_month', 'known_month', 'segment_id',
] -%}

with

usage as (
    select * from {{ ref('int_graduated_usage_daily') }}
),

summed as (

    select
        {%- for token_class in priced_token_classes() %}
        sum({{ token_class }}_tokens) as {{ token_class }}_tokens,
        {%- endfor %}
        {{ month | join(',\n        ') }}
    from usage
    group by {{ month | join(', ') }}

),

by_class as (

    {% for token_class in priced_token_classes() -%}
    select
        {{ month | join(',\n        ') }},
        '{{ token_class }}' as token_class,
        {{ token_class }}_tokens as units
    from summed
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

final as (

    select
        {{ month | join(',\n        ') }},
        token_class,
        cast(units as decimal(38, 0)) as units
    from by_class
    where units > 0

)

select * from final
