with

demand as (
    select * from {{ ref('int_capacity_demand_hourly') }}
),

months as (
    select * from {{ ref('int_capacity_months_known') }}
),

-- Knowledge adds up: a month of knowledge knows what the months before it knew.
final as (

    select
        demand.pool_id,
        demand.capacity_hour,
        demand.billing_month,
        months.known_month,
        demand.application_id,
        demand.cost_center_id,
        cast(sum(demand.served_weighted_tokens) as numeric(38, 6))
            as served_weighted_tokens,
        cast(sum(demand.spilled_weighted_tokens) as numeric(38, 6))
            as spilled_weighted_tokens,
        cast(sum(demand.served_attempts) as bigint) as served_attempts,
        cast(sum(demand.spilled_attempts) as bigint) as spilled_attempts,
        cast(sum(demand.throttled_attempts) as bigint) as throttled_attempts,
        cast(sum(demand.unpriced_attempts) as bigint) as unpriced_attempts,
        cast(sum(demand.served_on_demand_usd) as numeric(38, 12))
            as served_on_demand_usd,
        cast(sum(demand.spill_cost_usd) as numeric(38, 12)) as spill_cost_usd,
        cast(sum(demand.attempts_effective_cost_usd) as numeric(38, 12))
            as attempts_effective_cost_usd
    from demand
    inner join months
        on
            demand.pool_id = months.pool_id
            and demand.billing_month = months.billing_month
            and demand.known_month <= months.known_month
    group by
        demand.pool_id,
        demand.capacity_hour,
        demand.billing_month,
        months.known_month,
        demand.application_id,
        demand.cost_center_id

)

select * from final
