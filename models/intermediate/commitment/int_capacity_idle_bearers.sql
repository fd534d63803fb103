with

usage as (
    select * from {{ ref('int_capacity_usage_monthly') }}
),

shortfalls as (
    select * from {{ ref('int_reservation_shortfalls_monthly') }}
),

commitment_hours as (
    select * from {{ ref('int_commitment_hours_traced') }}
),

spend_commitments as (
    select * from {{ ref('int_spend_commitments_known') }}
),

-- Posted cents, not tokens, are what use weighs under usage_prorata.
by_usage as (

    select
        pool_id,
        billing_month,
        known_month,
        'usage_prorata' as excess_rule,
        cost_center_id,
        cast(sum(used_cents) as decimal(38, 0)) as weight
    from usage
    group by pool_id, billing_month, known_month, cost_center_id

),

by_shortfall as (

    select
        pool_id,
        billing_month,
        known_month,
        'reservation_shortfall' as excess_rule,
        cost_center_id,
        shortfall_parts as weight
    from shortfalls

),

-- Several owners in one pool answer for what stayed unused of the units they forecast.
by_owner as (

    select
        pool_id,
        billing_month,
        known_month,
        'forecast_owner' as excess_rule,
        forecast_owner_cost_center_id as cost_center_id,
        cast(sum(unused_cost_usd) * 1000000000000 as decimal(38, 0)) as weight
    from commitment_hours
    group by pool_id, billing_month, known_month, forecast_owner_cost_center_id

    union all

    select
        pool_id,
        billing_month,
        known_month,
        'forecast_owner' as excess_rule,
        forecast_owner_cost_center_id as cost_center_id,
        cast(sum(shortfall_usd) * 1000000000000 as decimal(38, 0)) as weight
    from spend_commitments
    group by pool_id, billing_month, known_month, forecast_owner_cost_center_id

),

final as (

    select * from by_usage
    union all
    select * from by_shortfall
    union all
    select * from by_owner

)

select * from final
