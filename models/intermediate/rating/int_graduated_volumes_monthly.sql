{{ config(materialized='table') }}

with

usage as (
    select * from {{ ref('int_graduated_usage') }}
),

card_rows as (
    select distinct
        price_id,
        token_class,
        price_purpose,
        volume_from_units,
        volume_until_units,
        unit_price_usd,
        unit_quantity
    from {{ ref('int_price_card_rows') }}
    where
        is_graduated
        and known_until_month = cast('9999-12-01' as date)
),

volumes as (

    select
        usage_month,
        billing_account_id,
        price_id,
        token_class,
        price_purpose,
        sum(cast(units as decimal(38, 0))) as total_units
    from usage
    group by usage_month, billing_account_id, price_id, token_class, price_purpose

),

-- Each step of the volume at its own price, in whole parts of 10^-18 USD:
-- a sum of products that is rounded once, at its end.
steps as (

    select
        volumes.*,
        {{ graduated_step_parts('volumes.total_units', 'card_rows') }} as step_parts
    from volumes
    inner join card_rows
        on
            volumes.price_id = card_rows.price_id
            and volumes.token_class = card_rows.token_class
            and volumes.price_purpose = card_rows.price_purpose
            and volumes.total_units > card_rows.volume_from_units

),

final as (

    select
        usage_month,
        billing_account_id,
        price_id,
        token_class,
        price_purpose,
        cast(total_units as bigint) as total_units,
        cast(
            cast(
                {{ whole_quotient('sum(step_parts) + 500000', '1000000') }}
                as decimal(26, 0)
            ) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
        ) as total_cost_usd
    from steps
    group by
        usage_month,
        billing_account_id,
        price_id,
        token_class,
        price_purpose,
        total_units

)

select * from final
