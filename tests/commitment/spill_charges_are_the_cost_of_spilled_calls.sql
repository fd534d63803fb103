-- Pooling moves the cost of spill between its users; it neither makes nor loses any.
with

charged as (

    select
        pool_id,
        billing_month,
        known_month,
        sum(amount_usd) as charged_usd
    from {{ ref('int_capacity_charges_monthly') }}
    where charge_type = 'spill'
    group by pool_id, billing_month, known_month

),

spilled as (

    select
        pool_id,
        billing_month,
        known_month,
        sum(spill_cost_usd) as spill_cost_usd
    from {{ ref('int_capacity_hours_known') }}
    group by pool_id, billing_month, known_month

),

final as (

    select
        spilled.*,
        charged.charged_usd
    from spilled
    full outer join charged
        on
            spilled.pool_id = charged.pool_id
            and spilled.billing_month = charged.billing_month
            and spilled.known_month = charged.known_month
    where coalesce(spilled.spill_cost_usd, 0) <> coalesce(charged.charged_usd, 0)

)

select * from final
