with

prices as (
    select * from {{ ref('int_prices_in_usd') }}
),

-- Months whose close knew other prices of a key than the close before it.
changes as (

    select
        provider_id,
        model_id,
        pricing_mode,
        known_from_month
    from prices
    union distinct
    select
        provider_id,
        model_id,
        pricing_mode,
        known_until_month as known_from_month
    from prices
    where known_until_month < cast('9999-12-01' as date)

),

final as (

    select
        provider_id,
        model_id,
        pricing_mode,
        known_from_month,
        coalesce(
            lead(known_from_month) over (
                partition by provider_id, model_id, pricing_mode
                order by known_from_month
            ),
            cast('9999-12-01' as date)
        ) as known_until_month
    from changes

)

select * from final
