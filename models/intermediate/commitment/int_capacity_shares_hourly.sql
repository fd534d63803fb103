{{ config(materialized='table') }}

with

demand as (
    select * from {{ ref('int_capacity_demand_known') }}
),

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
),

-- Who spills inside one hour is a race, not a decision: pooled hours share used and
-- spilled cost by demand. Without pooling the served share the use and each spilled
-- call stays where it was made.
weighed as (

    select
        demand.*,
        pool_hours.spill_charging,
        cast(
            (
                demand.served_weighted_tokens + case
                    when pool_hours.spill_charging = 'pooled'
                        then demand.spilled_weighted_tokens
                    else 0
                end
            ) * 1000000 as decimal(38, 0)
        ) as demand_weight,
        cast(pool_hours.used_cost_usd * 1000000000000 as decimal(38, 0))
            as used_parts_of_hour,
        cast(pool_hours.spill_cost_usd * 1000000000000 as decimal(38, 0))
            as spill_parts_of_hour
    from demand
    inner join pool_hours
        on
            demand.pool_id = pool_hours.pool_id
            and demand.capacity_hour = pool_hours.capacity_hour
            and demand.known_month = pool_hours.known_month

),

{% set hour = ['pool_id', 'capacity_hour', 'known_month'] -%}
{% set bearer = 'application_id asc, cost_center_id asc' -%}
used as (
    {{ largest_remainder(
        'weighed', hour, 'used_parts_of_hour', 'demand_weight', bearer, 'used_parts'
    ) }}
),

weighed_again as (
    select
        pool_id,
        capacity_hour,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        spill_charging,
        demand_weight,
        served_weighted_tokens,
        spilled_weighted_tokens,
        spill_cost_usd,
        spill_parts_of_hour,
        used_parts
    from used
),

shared as (
    {{ largest_remainder(
        'weighed_again', hour, 'spill_parts_of_hour', 'demand_weight', bearer,
        'spill_parts'
    ) }}
),

final as (

    select
        pool_id,
        capacity_hour,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        served_weighted_tokens,
        spilled_weighted_tokens,
        cast(
            cast(coalesce(used_parts, 0) as decimal(26, 0))
            * cast(0.000000000001 as decimal(12, 12)) as numeric(38, 12)
        ) as used_cost_usd,
        cast(
            case
                when spill_charging = 'pooled' and spill_parts is not null
                    then
                        cast(spill_parts as decimal(26, 0))
                        * cast(0.000000000001 as decimal(12, 12))
                else spill_cost_usd
            end as numeric(38, 12)
        ) as spill_cost_usd
    from shared

)

select * from final
