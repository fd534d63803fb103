{{ config(materialized='table') }}

with

months as (
    select * from {{ ref('int_capacity_demand_months') }}
),

quantities as (
    select * from {{ ref('int_capacity_quantities') }}
),

placed as (

    select
        quantities.*,
        cast(
            coalesce(
                quantities.demand_weighted_tokens,
                quantities.quantity_units * months.weighted_tokens_per_unit
            ) as numeric(38, 6)
        ) as weighted_tokens
    from quantities
    inner join months
        on
            quantities.pool_id = months.pool_id
            and quantities.billing_month = months.billing_month

),

-- Hours and quantities on one scale, from the top down: what lies above a quantity is
-- what it could not serve.
counted as (

    select
        *,
        sum(case when capacity_hour is null then 0 else 1 end) over (
            partition by pool_id, billing_month, scenario
            order by
                weighted_tokens desc,
                case when capacity_hour is null then 1 else 2 end asc,
                capacity_hour asc
            rows between unbounded preceding and current row
        ) as hours_above,
        sum(coalesce(demand_weighted_tokens, 0)) over (
            partition by pool_id, billing_month, scenario
            order by
                weighted_tokens desc,
                case when capacity_hour is null then 1 else 2 end asc,
                capacity_hour asc
            rows between unbounded preceding and current row
        ) as tokens_of_hours_above
    from placed

),

unserved as (

    select
        pool_id,
        billing_month,
        scenario,
        quantity_units,
        cast(
            tokens_of_hours_above - hours_above * weighted_tokens as numeric(38, 6)
        ) as unserved_weighted_tokens
    from counted
    where quantity_units is not null

),

-- Cost(Q) = hours x Q x price of a unit-hour + demand above Q at its on-demand price.
final as (

    select
        unserved.pool_id,
        unserved.billing_month,
        unserved.scenario,
        unserved.quantity_units,
        unserved.unserved_weighted_tokens,
        cast(
            {{ prorated_usd(
                'months.capacity_cost_usd',
                'months.hours * unserved.quantity_units',
                'months.capacity_units'
            ) }}
            + coalesce(
                {{ prorated_usd(
                    'months.on_demand_cost_usd',
                    'unserved.unserved_weighted_tokens',
                    'months.demand_weighted_tokens'
                ) }}
                + {{ prorated_usd(
                    'months.penalty_usd_per_unit',
                    'unserved.unserved_weighted_tokens',
                    'months.weighted_tokens_per_unit'
                ) }},
                0
            ) as numeric(38, 12)
        ) as quantity_cost_usd
    from unserved
    inner join months
        on
            unserved.pool_id = months.pool_id
            and unserved.billing_month = months.billing_month

)

select * from final
