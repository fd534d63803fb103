with

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
    where is_newest and is_hourly_capacity
),

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where is_in_force and is_hourly_capacity
),

-- How units of the pool are sold. Where its commitments differ, the newest says.
terms as (

    select
        pool_id,
        minimum_units,
        increment_units,
        spill_policy,
        throttle_penalty_usd_per_unit,
        demand_growth_ratio,
        row_number() over (
            partition by pool_id
            order by term_start_at desc, recorded_at desc, commitment_id desc
        ) as term_rank
    from commitments

),

monthly as (

    select
        pool_id,
        billing_month,
        cast(count(*) as bigint) as hours,
        max(weighted_tokens_per_unit) as weighted_tokens_per_unit,
        cast(sum(capacity_units) as numeric(38, 12)) as capacity_units,
        cast(sum(used_units) as numeric(38, 12)) as used_units,
        cast(
            sum(served_weighted_tokens + spilled_weighted_tokens) as numeric(38, 6)
        ) as demand_weighted_tokens,
        cast(
            max(served_weighted_tokens + spilled_weighted_tokens) as numeric(38, 6)
        ) as peak_weighted_tokens,
        cast(sum(capacity_cost_usd) as numeric(38, 12)) as capacity_cost_usd,
        cast(sum(spill_cost_usd) as numeric(38, 12)) as spill_cost_usd,
        cast(sum(served_on_demand_usd) as numeric(38, 12)) as served_on_demand_usd,
        cast(sum(served_on_demand_usd + spill_cost_usd) as numeric(38, 12))
            as on_demand_cost_usd,
        cast(sum(unpriced_attempts) as bigint) as unpriced_attempts,
        cast(sum(throttled_attempts) as bigint) as throttled_attempts,
        -- Standard deviation x hours: the root of hours x squares - square of the sum.
        count(*) * sum(
            cast(used_units + over_capacity_units + spill_units as decimal(18, 6))
            * cast(used_units + over_capacity_units + spill_units as decimal(18, 6))
        )
        - sum(cast(used_units + over_capacity_units + spill_units as decimal(18, 6)))
        * sum(cast(used_units + over_capacity_units + spill_units as decimal(18, 6)))
            as squared_deviation_units
    from pool_hours
    group by pool_id, billing_month

),

final as (

    select
        monthly.*,
        terms.minimum_units,
        terms.increment_units,
        -- Demand that is throttled is worth more than its on-demand price.
        case
            when terms.spill_policy = 'throttle'
                then coalesce(terms.throttle_penalty_usd_per_unit, 0)
            else 0
        end as penalty_usd_per_unit,
        coalesce(terms.demand_growth_ratio, 0) as demand_growth_ratio
    from monthly
    left join terms
        on
            monthly.pool_id = terms.pool_id
            and terms.term_rank = 1

)

select * from final
