-- Used and idle charges of a commitment are its amortized cost, under every month of
-- knowledge, and what its hours cost.
with

charged as (

    select
        commitment_id,
        billing_month,
        known_month,
        sum(amount_usd) as charged_usd
    from {{ ref('int_capacity_charges_monthly') }}
    where charge_type <> 'spill'
    group by commitment_id, billing_month, known_month

),

final as (

    select
        coalesce(costs.commitment_id, charged.commitment_id) as commitment_id,
        coalesce(costs.billing_month, charged.billing_month) as billing_month,
        coalesce(costs.known_month, charged.known_month) as known_month,
        costs.amortized_cost_usd,
        charged.charged_usd
    from {{ ref('int_commitment_costs_monthly') }} as costs
    full outer join charged
        on
            costs.commitment_id = charged.commitment_id
            and costs.billing_month = charged.billing_month
            and costs.known_month = charged.known_month
    where
        coalesce(costs.amortized_cost_usd, 0) <> coalesce(charged.charged_usd, 0)

)

select * from final
