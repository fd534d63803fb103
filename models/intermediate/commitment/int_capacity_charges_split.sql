with

borne as (
    select * from {{ ref('int_capacity_charges_borne') }}
),

costs as (
    select * from {{ ref('int_commitment_costs_monthly') }}
),

-- Bearers and commitments of a pool's month cost the same in total. Laid end to end,
-- both cut the total into the parts that each bearer pays of each commitment: use
-- first, and the cheapest commitment first.
borne_ranges as (

    select
        *,
        sum(amount_usd) over (
            partition by pool_id, billing_month, known_month
            order by
                case charge_type when 'used' then 1 else 2 end,
                cost_center_id,
                coalesce(application_id, '')
            rows between unbounded preceding and current row
        ) as ends_at_usd
    from borne
    where charge_type <> 'spill'

),

cost_ranges as (

    select
        *,
        sum(amortized_cost_usd) over (
            partition by pool_id, billing_month, known_month
            order by
                {{ prorated_usd(
                    'amortized_cost_usd', '1', 'capacity_weighted_tokens'
                ) }},
                commitment_id
            rows between unbounded preceding and current row
        ) as ends_at_usd
    from costs

),

final as (

    select
        borne_ranges.pool_id,
        cost_ranges.commitment_id,
        borne_ranges.billing_month,
        borne_ranges.known_month,
        borne_ranges.application_id,
        borne_ranges.cost_center_id,
        borne_ranges.charge_type,
        least(borne_ranges.ends_at_usd, cost_ranges.ends_at_usd) - greatest(
            borne_ranges.ends_at_usd - borne_ranges.amount_usd,
            cost_ranges.ends_at_usd - cost_ranges.amortized_cost_usd
        ) as amount_usd
    from borne_ranges
    inner join cost_ranges
        on
            borne_ranges.pool_id = cost_ranges.pool_id
            and borne_ranges.billing_month = cost_ranges.billing_month
            and borne_ranges.known_month = cost_ranges.known_month
            and borne_ranges.ends_at_usd
            > cost_ranges.ends_at_usd - cost_ranges.amortized_cost_usd
            and cost_ranges.ends_at_usd
            > borne_ranges.ends_at_usd - borne_ranges.amount_usd

    union all

    -- What spilled was bought on demand, from no commitment.
    select
        pool_id,
        cast(null as varchar) as commitment_id,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        charge_type,
        amount_usd
    from borne
    where charge_type = 'spill'

)

select * from final
