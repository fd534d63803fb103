{{ config(materialized='table') }}

with

commitment_hours as (
    select * from {{ ref('int_commitment_hours') }}
),

demand as (
    select * from {{ ref('int_capacity_demand_hourly') }}
),

reservations as (
    select * from {{ ref('commitment_reservations') }}
    where {{ is_known('recorded_at') }}
),

rules as (
    select * from {{ ref('allocation_rules') }}
    where {{ is_known('recorded_at') }} and method = 'capacity_engine'
),

periods as (
    select * from {{ ref('int_posting_periods') }}
),

months as (

    select
        pool_id,
        commitment_id,
        billing_month,
        known_from_at,
        known_until_at,
        is_in_force,
        max(case when is_hourly_capacity then 0 else 1 end) as is_package
    from commitment_hours
    group by
        pool_id,
        commitment_id,
        billing_month,
        known_from_at,
        known_until_at,
        is_in_force

),

-- Everything that can change what a pool's month costs or who bears it.
news as (

    select
        pool_id,
        billing_month,
        known_from_at as known_at
    from months
    union distinct
    select
        pool_id,
        billing_month,
        known_until_at as known_at
    from months
    where not is_in_force
    union distinct
    select
        months.pool_id,
        months.billing_month,
        reservations.recorded_at as known_at
    from months
    inner join reservations
        on months.commitment_id = reservations.commitment_id
    union distinct
    select
        months.pool_id,
        months.billing_month,
        rules.recorded_at as known_at
    from months
    inner join rules
        on months.pool_id = rules.pool_name

),

-- Usage of a month posts in that month at the earliest.
changes as (

    select
        news.pool_id,
        news.billing_month,
        greatest(periods.posting_month, news.billing_month) as known_month
    from news
    inner join periods
        on
            news.known_at > periods.known_after_at
            and news.known_at <= periods.known_until_at
    union distinct
    select
        pool_id,
        billing_month,
        known_month
    from demand

),

-- A token package is drawn down over its whole term: news of one month can move what
-- is left in every later one.
package_changes as (

    select
        months.pool_id,
        months.billing_month,
        changes.known_month
    from months
    inner join changes
        on
            months.pool_id = changes.pool_id
            and months.billing_month <= changes.known_month
    where months.is_package = 1

),

all_changes as (

    select * from changes
    union distinct
    select * from package_changes

),

final as (

    select
        all_changes.pool_id,
        all_changes.billing_month,
        all_changes.known_month,
        coalesce(periods.known_until_at, cast('9999-12-31' as timestamp))
            as known_until_at,
        row_number() over (
            partition by all_changes.pool_id, all_changes.billing_month
            order by all_changes.known_month desc
        ) = 1 as is_newest
    from all_changes
    left join periods
        on all_changes.known_month = periods.posting_month

)

select * from final
