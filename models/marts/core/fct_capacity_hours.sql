with

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
    where is_newest
),

bypasses as (
    select * from {{ ref('int_capacity_bypasses_hourly') }}
),

policy as (
    select * from {{ ref('int_capacity_policy') }}
),

clocked as (

    select
        *,
        {{ between_time_zones('capacity_hour', "'UTC'", 'billing_time_zone') }}
            as local_hour
    from pool_hours

),

measured as (

    select
        clocked.*,
        policy.utilization_definition_version,
        {{ dbt.datediff(
            dbt.date_trunc('week', 'clocked.local_hour'), 'clocked.local_hour', 'day'
        ) }} as local_weekday,
        {{ dbt.datediff(
            dbt.date_trunc('day', 'clocked.local_hour'), 'clocked.local_hour', 'hour'
        ) }} as local_hour_of_day,
        policy.business_hours_from,
        policy.business_hours_until,
        -- Another pool of the provider that serves the same model and idles.
        sum(clocked.unused_weighted_tokens) over (
            partition by clocked.provider_id, clocked.model_id, clocked.capacity_hour
        ) - clocked.unused_weighted_tokens as idle_elsewhere_weighted_tokens,
        coalesce(bypasses.bypassing_attempts, 0) as bypassing_attempts,
        coalesce(bypasses.bypassing_weighted_tokens, 0) as bypassing_weighted_tokens
    from clocked
    left join bypasses
        on
            clocked.pool_id = bypasses.pool_id
            and clocked.capacity_hour = bypasses.capacity_hour
    cross join policy

),

final as (

    select
        -- ids
        pool_id,
        provider_id,
        model_id,
        -- attributes
        commitment_type,
        idle_rule,
        utilization_definition_version,
        case when over_capacity_weighted_tokens > 0 then 'OVER_CAPACITY' end
            as quality_flags,
        -- measures
        cast(capacity_units as numeric(38, 12)) as capacity_units,
        cast(used_units as numeric(38, 12)) as used_units,
        cast(unused_units as numeric(38, 12)) as unused_units,
        cast(spill_units as numeric(38, 12)) as spill_units,
        cast(over_capacity_units as numeric(38, 12)) as over_capacity_units,
        cast(weighted_tokens_per_unit as bigint) as weighted_tokens_per_unit,
        cast(capacity_weighted_tokens as numeric(38, 6)) as capacity_weighted_tokens,
        cast(used_weighted_tokens as numeric(38, 6)) as used_weighted_tokens,
        cast(spilled_weighted_tokens as numeric(38, 6)) as spilled_weighted_tokens,
        cast(over_capacity_weighted_tokens as numeric(38, 6))
            as over_capacity_weighted_tokens,
        cast(idle_elsewhere_weighted_tokens as numeric(38, 6))
            as idle_elsewhere_weighted_tokens,
        cast(bypassing_weighted_tokens as numeric(38, 6)) as bypassing_weighted_tokens,
        cast(served_attempts as bigint) as served_attempts,
        cast(spilled_attempts as bigint) as spilled_attempts,
        cast(throttled_attempts as bigint) as throttled_attempts,
        cast(bypassing_attempts as bigint) as bypassing_attempts,
        cast(unpriced_attempts as bigint) as unpriced_attempts,
        cast(capacity_cost_usd as numeric(38, 12)) as capacity_cost_usd,
        cast(used_cost_usd as numeric(38, 12)) as used_cost_usd,
        cast(unused_cost_usd as numeric(38, 12)) as unused_cost_usd,
        cast(spill_cost_usd as numeric(38, 12)) as spill_cost_usd,
        cast(over_capacity_cost_usd as numeric(38, 12)) as over_capacity_cost_usd,
        cast(
            cast(capacity_cost_usd * headroom_ratio as numeric(38, 12))
            as numeric(38, 12)
        ) as headroom_cost_usd,
        cast(served_on_demand_usd as numeric(38, 12)) as served_on_demand_usd,
        cast(attempts_effective_cost_usd as numeric(38, 12))
            as attempts_effective_cost_usd,
        cast(
            used_cost_usd + over_capacity_cost_usd - attempts_effective_cost_usd
            as numeric(38, 12)
        ) as rounding_usd,
        -- booleans
        local_weekday < 5
        and local_hour_of_day >= business_hours_from
        and local_hour_of_day < business_hours_until as is_business_hour,
        -- dates
        cast(billing_date as date) as billing_date,
        cast(billing_month as date) as billing_month,
        cast(known_month as date) as known_month,
        -- timestamps
        cast(capacity_hour as timestamp) as capacity_hour
    from measured

)

select * from final
