with

rated_shares as (
    select * from {{ ref('int_rated_shares_monthly') }}
    where is_spill
),

months as (
    select * from {{ ref('int_capacity_months_stepped') }}
),

spill_charges as (
    select * from {{ ref('int_capacity_charges_monthly') }}
    where
        charge_type = 'spill'
        and amount_usd >= 0.01
),

-- Who bears a pool's overflow, in the newest knowledge of the step: whoever spilled, or
-- all who used the hour, as the pool's terms say.
bearers as (

    select
        months.step_id,
        spill_charges.pool_id,
        spill_charges.application_id,
        spill_charges.cost_center_id,
        cast(floor(spill_charges.amount_usd * 100) as decimal(20, 0)) as cents
    from spill_charges
    inner join months
        on
            spill_charges.pool_id = months.pool_id
            and spill_charges.billing_month = months.billing_month
            and spill_charges.known_month = months.known_month

),

bearer_totals as (

    select
        step_id,
        pool_id,
        sum(cents) as total_cents
    from bearers
    group by step_id, pool_id

),

pooled as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        commitment_pool_id,
        sum(weight) as weight
    from rated_shares
    group by
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        commitment_pool_id

),

shared as (

    select
        pooled.step_id,
        pooled.billing_account_id,
        pooled.billing_month,
        pooled.model_id,
        pooled.price_mode,
        bearers.application_id,
        cast(null as varchar) as contributing_team_id,
        bearers.cost_center_id,
        cast(
            {{ whole_quotient(
                'cast(pooled.weight as decimal(38, 0)) * bearers.cents',
                'bearer_totals.total_cents',
            ) }} as decimal(38, 0)
        ) as weight
    from pooled
    inner join bearers
        on
            pooled.step_id = bearers.step_id
            and pooled.commitment_pool_id = bearers.pool_id
    inner join bearer_totals
        on
            pooled.step_id = bearer_totals.step_id
            and pooled.commitment_pool_id = bearer_totals.pool_id

),

-- Overflow of a pool that nobody is charged for by its terms stays with its callers.
final as (

    select * from shared
    union all
    select
        rated_shares.step_id,
        rated_shares.billing_account_id,
        rated_shares.billing_month,
        rated_shares.model_id,
        rated_shares.price_mode,
        rated_shares.application_id,
        rated_shares.contributing_team_id,
        rated_shares.cost_center_id,
        rated_shares.weight
    from rated_shares
    left join bearer_totals
        on
            rated_shares.step_id = bearer_totals.step_id
            and rated_shares.commitment_pool_id = bearer_totals.pool_id
    where bearer_totals.step_id is null

)

select * from final
