with

months as (
    select * from {{ ref('int_capacity_demand_months') }}
),

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
    where is_newest and is_hourly_capacity
),

costed as (
    select * from {{ ref('int_capacity_quantities_costed') }}
),

-- Equal to the millionth of a USD is equal; of equals the smallest quantity wins.
best as (

    select *
    from costed
    qualify row_number() over (
        partition by pool_id, billing_month, scenario
        order by round(quantity_cost_usd, 6) asc, quantity_units asc
    ) = 1

),

without_commitment as (
    select * from costed
    where quantity_units = 0
),

-- An hour's demand and the share of hours that ask for no more.
ordered as (

    select
        pool_id,
        billing_month,
        served_weighted_tokens + spilled_weighted_tokens as demand_weighted_tokens,
        greatest(
            0,
            served_weighted_tokens + spilled_weighted_tokens - capacity_weighted_tokens
        ) as unserved_weighted_tokens,
        count(*) over (
            partition by pool_id, billing_month
            order by served_weighted_tokens + spilled_weighted_tokens
        ) as hours_at_or_below
    from pool_hours

),

priced as (

    select
        *,
        {{ safe_ratio('capacity_cost_usd', 'capacity_units') }}
            as commitment_usd_per_unit_hour,
        {{ prorated_usd(
            'on_demand_cost_usd', 'weighted_tokens_per_unit', 'demand_weighted_tokens'
        ) }} + penalty_usd_per_unit as on_demand_usd_per_unit_hour,
        {{ prorated_usd('1', 'demand_weighted_tokens', 'weighted_tokens_per_unit') }}
            as demand_units,
        {{ prorated_usd('1', 'peak_weighted_tokens', 'weighted_tokens_per_unit') }}
            as peak_demand_units
    from months

),

-- The quantile at 1 - c/v explains the optimum of the grid; it never replaces it.
hourly as (

    select
        priced.pool_id,
        priced.billing_month,
        sum(ordered.unserved_weighted_tokens) as unserved_weighted_tokens,
        min(
            case
                when
                    ordered.hours_at_or_below * priced.on_demand_usd_per_unit_hour
                    >= priced.hours
                    * (
                        priced.on_demand_usd_per_unit_hour
                        - priced.commitment_usd_per_unit_hour
                    )
                    then ordered.demand_weighted_tokens
            end
        ) as quantile_weighted_tokens
    from priced
    inner join ordered
        on
            priced.pool_id = ordered.pool_id
            and priced.billing_month = ordered.billing_month
    group by priced.pool_id, priced.billing_month

),

final as (

    select
        priced.*,
        {{ safe_ratio(
            'priced.commitment_usd_per_unit_hour', 'priced.on_demand_usd_per_unit_hour'
        ) }} as break_even_utilization,
        case
            when
                priced.commitment_usd_per_unit_hour
                >= priced.on_demand_usd_per_unit_hour
                then cast(0 as numeric(38, 12))
            else {{ prorated_usd(
                '1', 'hourly.quantile_weighted_tokens', 'priced.weighted_tokens_per_unit'
            ) }}
        end as quantile_units,
        best.quantity_units as best_quantity_units,
        best.quantity_cost_usd as best_cost_usd,
        forecast_best.quantity_units as forecast_best_quantity_units,
        forecast_without.quantity_cost_usd - forecast_best.quantity_cost_usd
            as marginal_benefit_usd,
        -- What the month would have cost if only hourly totals had mattered.
        cast(
            priced.capacity_cost_usd + coalesce(
                {{ prorated_usd(
                    'priced.on_demand_cost_usd',
                    'hourly.unserved_weighted_tokens',
                    'priced.demand_weighted_tokens'
                ) }} + {{ prorated_usd(
                    'priced.penalty_usd_per_unit',
                    'hourly.unserved_weighted_tokens',
                    'priced.weighted_tokens_per_unit'
                ) }},
                0
            ) as numeric(38, 12)
        ) as quantity_cost_usd
    from priced
    inner join hourly
        on
            priced.pool_id = hourly.pool_id
            and priced.billing_month = hourly.billing_month
    inner join best
        on
            priced.pool_id = best.pool_id
            and priced.billing_month = best.billing_month
            and best.scenario = 'observed'
    inner join best as forecast_best
        on
            priced.pool_id = forecast_best.pool_id
            and priced.billing_month = forecast_best.billing_month
            and forecast_best.scenario = 'forecast'
    inner join without_commitment as forecast_without
        on
            priced.pool_id = forecast_without.pool_id
            and priced.billing_month = forecast_without.billing_month
            and forecast_without.scenario = 'forecast'

)

select * from final
