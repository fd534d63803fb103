{{ config(materialized='table') }}

with

shares as (
    select * from {{ ref('int_capacity_shares_hourly') }}
),

monthly as (

    select
        pool_id,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        cast(sum(used_cost_usd) as numeric(38, 12)) as exact_used_cost_usd,
        cast(sum(spill_cost_usd) as numeric(38, 12)) as spill_cost_usd
    from shares
    group by pool_id, billing_month, known_month, application_id, cost_center_id

),

weighed as (

    select
        *,
        cast(exact_used_cost_usd * 1000000000000 as decimal(38, 0)) as used_weight,
        sum(exact_used_cost_usd) over (partition by pool_id, billing_month, known_month)
            as month_used_cost_usd,
        cast(
            floor(
                sum(exact_used_cost_usd) over (
                    partition by pool_id, billing_month, known_month
                ) * 100
            ) as decimal(38, 0)
        ) as month_used_cents
    from monthly

),

{% set month = ['pool_id', 'billing_month', 'known_month'] -%}
posted as (
    {{ largest_remainder(
        'weighed', month, 'month_used_cents', 'used_weight',
        'application_id asc, cost_center_id asc', 'used_cents'
    ) }}
),

-- Used cost is posted in cents. What a pool's month has below the cent goes to its
-- largest user, so that nothing is lost.
final as (

    select
        pool_id,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        exact_used_cost_usd,
        coalesce(used_cents, 0) as used_cents,
        cast(
            cast(coalesce(used_cents, 0) as decimal(26, 0))
            * cast(0.01 as decimal(2, 2)) + case
                when
                    row_number() over (
                        partition by {{ month | join(', ') }}
                        order by
                            used_weight desc, application_id asc, cost_center_id asc
                    ) = 1
                    then
                        month_used_cost_usd
                        - month_used_cents * cast(0.01 as decimal(2, 2))
                else 0
            end as numeric(38, 12)
        ) as used_cost_usd,
        spill_cost_usd
    from posted

)

select * from final
