with

commitment_hours as (
    select * from {{ ref('int_commitment_hours_traced') }}
),

spend_commitments as (
    select * from {{ ref('int_spend_commitments_known') }}
),

hourly as (

    select
        pool_id,
        commitment_id,
        billing_month,
        known_month,
        max(commitment_type) as commitment_type,
        cast(sum(capacity_weighted_tokens) as numeric(38, 6))
            as capacity_weighted_tokens,
        cast(sum(used_weighted_tokens) as numeric(38, 6)) as used_weighted_tokens,
        cast(sum(capacity_cost_usd) as numeric(38, 12)) as amortized_cost_usd,
        cast(sum(used_cost_usd) as numeric(38, 12)) as used_cost_usd,
        cast(sum(unused_cost_usd) as numeric(38, 12)) as unused_cost_usd
    from commitment_hours
    group by pool_id, commitment_id, billing_month, known_month

),

-- Only what is short of a minimum spend is a cost of the commitment: its usage has a
-- price of its own.
spend as (

    select
        pool_id,
        commitment_id,
        billing_month,
        known_month,
        'spend_commitment' as commitment_type,
        cast(null as numeric(38, 6)) as capacity_weighted_tokens,
        cast(null as numeric(38, 6)) as used_weighted_tokens,
        cast(sum(shortfall_usd) as numeric(38, 12)) as amortized_cost_usd,
        cast(0 as numeric(38, 12)) as used_cost_usd,
        cast(sum(shortfall_usd) as numeric(38, 12)) as unused_cost_usd
    from spend_commitments
    group by pool_id, commitment_id, billing_month, known_month

),

final as (

    select * from hourly
    union all
    select * from spend

)

select * from final
