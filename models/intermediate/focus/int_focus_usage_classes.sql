{{ config(materialized='table') }}

{%- set attributes = focus_usage_attributes() -%}

with

usage as (
    select * from {{ ref('int_usage_daily') }}
),

covered_months as (
    select
        pool_id,
        billing_month,
        sum(used_weighted_tokens) as used_weighted_tokens
    from {{ ref('int_focus_commitment_months') }}
    group by pool_id, billing_month
),

meters as (
    select * from {{ ref('int_focus_meters') }}
),

marked as (

    select
        usage.*,
        usage.pricing_mode in ('committed', 'self_hosted')
        and coalesce(covered_months.used_weighted_tokens, 0) > 0 as is_covered
    from usage
    left join covered_months
        on
            usage.commitment_pool_id = covered_months.pool_id
            and usage.billing_month = covered_months.billing_month

),

-- Calls are counted once, on the first class of tokens that they have.
final as (

    {% for token_class in priced_token_classes() -%}
    select
        {{ attributes | join(',\n        ') }},
        billing_date,
        '{{ token_class }}' as token_class,
        '{{ token_class }}' as billed_class,
        cast({{ token_class }}_tokens as numeric(38, 6)) as units,
        case
            when
                {%- for earlier in priced_token_classes()[:loop.index0] %}
                {{ earlier }}_tokens = 0 and
                {%- endfor %}
                {{ token_class }}_tokens > 0
                then attempts
        end as attempts,
        first_api_key_hash,
        last_api_key_hash,
        first_user_pseudonym,
        last_user_pseudonym
    from marked
    where {{ token_class }}_tokens > 0
    union all
    {% endfor -%}
    select
        {{ attributes | join(',\n        ') }},
        billing_date,
        token_class,
        'other_meters' as billed_class,
        units,
        cast(null as bigint) as attempts,
        first_api_key_hash,
        last_api_key_hash,
        first_user_pseudonym,
        last_user_pseudonym
    from meters

)

select * from final
