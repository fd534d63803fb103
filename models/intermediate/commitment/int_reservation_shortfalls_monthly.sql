with

offered as (
    select * from {{ ref('int_capacity_offered_hourly') }}
    where 'reservation_shortfall' in (idle_rule, excess_idle_rule)
),

months as (
    select * from {{ ref('int_capacity_months_known') }}
),

reservations as (
    select * from {{ ref('commitment_reservations') }}
    where {{ is_known('recorded_at') }}
),

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
    where unused_cost_usd > 0
),

demand as (
    select * from {{ ref('int_capacity_demand_known') }}
),

-- The reservations that held in the hour, as the month of knowledge knew them.
reserved as (

    select
        offered.pool_id,
        offered.capacity_hour,
        offered.known_month,
        reservations.cost_center_id,
        reservations.share * offered.weighted_tokens_bought as share_tokens,
        offered.weighted_tokens_bought
    from offered
    inner join months
        on
            offered.pool_id = months.pool_id
            and offered.billing_month = months.billing_month
            and offered.known_month = months.known_month
    inner join reservations
        on
            offered.commitment_id = reservations.commitment_id
            and offered.capacity_hour >= reservations.valid_from_at
            and offered.capacity_hour < reservations.valid_until_at
            and months.known_until_at >= reservations.recorded_at
    qualify dense_rank() over (
        partition by offered.commitment_id, offered.capacity_hour, offered.known_month
        order by reservations.recorded_at desc
    ) = 1

),

reserved_by_owner as (

    select
        pool_id,
        capacity_hour,
        known_month,
        cost_center_id,
        cast(sum(share_tokens) as numeric(38, 12)) as reserved_weighted_tokens
    from reserved
    group by pool_id, capacity_hour, known_month, cost_center_id

),

served_by_owner as (

    select
        pool_id,
        capacity_hour,
        known_month,
        cost_center_id,
        sum(served_weighted_tokens) as served_weighted_tokens
    from demand
    group by pool_id, capacity_hour, known_month, cost_center_id

),

-- A token package has no reserved hours: its unused rest is split by the shares.
weighed as (

    select
        pool_hours.pool_id,
        pool_hours.capacity_hour,
        pool_hours.billing_month,
        pool_hours.known_month,
        reserved_by_owner.cost_center_id,
        cast(pool_hours.unused_cost_usd * 1000000000000 as decimal(38, 0))
            as unused_parts,
        cast(
            floor(
                greatest(
                    0,
                    reserved_by_owner.reserved_weighted_tokens - case
                        when pool_hours.is_hourly_capacity
                            then coalesce(served_by_owner.served_weighted_tokens, 0)
                        else 0
                    end
                ) * 1000000
            ) as decimal(38, 0)
        ) as shortfall_weight
    from pool_hours
    inner join reserved_by_owner
        on
            pool_hours.pool_id = reserved_by_owner.pool_id
            and pool_hours.capacity_hour = reserved_by_owner.capacity_hour
            and pool_hours.known_month = reserved_by_owner.known_month
    left join served_by_owner
        on
            reserved_by_owner.pool_id = served_by_owner.pool_id
            and reserved_by_owner.capacity_hour = served_by_owner.capacity_hour
            and reserved_by_owner.known_month = served_by_owner.known_month
            and reserved_by_owner.cost_center_id = served_by_owner.cost_center_id

),

shared as (
    {{ largest_remainder(
        'weighed', ['pool_id', 'capacity_hour', 'known_month'], 'unused_parts',
        'shortfall_weight', 'cost_center_id asc', 'shortfall_parts'
    ) }}
),

final as (

    select
        pool_id,
        billing_month,
        known_month,
        cost_center_id,
        cast(sum(coalesce(shortfall_parts, 0)) as decimal(38, 0)) as shortfall_parts
    from shared
    group by pool_id, billing_month, known_month, cost_center_id

)

select * from final
