with

usage as (
    select * from {{ ref('int_capacity_usage_monthly') }}
),

idle as (
    select * from {{ ref('int_capacity_idle_monthly') }}
),

final as (

    select
        pool_id,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        'used' as charge_type,
        used_cost_usd as amount_usd
    from usage
    union all
    select
        pool_id,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        'spill' as charge_type,
        spill_cost_usd as amount_usd
    from usage
    union all
    select
        pool_id,
        billing_month,
        known_month,
        cast(null as varchar) as application_id,
        cost_center_id,
        'idle' as charge_type,
        idle_cost_usd as amount_usd
    from idle

)

select * from final
where amount_usd <> 0
