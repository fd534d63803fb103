{{ config(materialized='table') }}

with

hours_bought as (
    select * from {{ ref('int_capacity_hours_bought') }}
),

-- What an hour draws from: its own capacity, or what is left of a token package. The
-- rest of a package falls due, unused, in the last hour of its term.
bounded as (

    select
        *,
        case
            when is_hourly_capacity then cast(0 as numeric(38, 6))
            else cast(
                least(
                    drawn_weighted_tokens - served_weighted_tokens,
                    weighted_tokens_bought
                ) as numeric(38, 6)
            )
        end as drawn_from_tokens,
        cast(
            least(
                case
                    when is_hourly_capacity then served_weighted_tokens
                    else drawn_weighted_tokens
                end,
                weighted_tokens_bought
            ) as numeric(38, 6)
        ) as drawn_until_tokens,
        is_hourly_capacity
        or {{ dbt.dateadd('hour', 1, 'capacity_hour') }} = term_end_at as is_due
    from hours_bought

),

-- Shares of the price are differences of rounded-down running shares: they add up.
measured as (

    select
        *,
        drawn_until_tokens - drawn_from_tokens as used_weighted_tokens,
        {{ prorated_usd(
            'units_bought', 'drawn_from_tokens', 'weighted_tokens_bought'
        ) }} as units_before,
        {{ prorated_usd(
            'units_bought', 'drawn_until_tokens', 'weighted_tokens_bought'
        ) }} as units_after,
        {{ prorated_usd(
            'bought_cost_usd', 'drawn_from_tokens', 'weighted_tokens_bought'
        ) }} as cost_before_usd,
        {{ prorated_usd(
            'bought_cost_usd', 'drawn_until_tokens', 'weighted_tokens_bought'
        ) }} as cost_after_usd,
        served_weighted_tokens - drawn_until_tokens + drawn_from_tokens
            as over_capacity_weighted_tokens,
        {{ prorated_usd(
            'bought_cost_usd',
            '(served_weighted_tokens - drawn_until_tokens + drawn_from_tokens)',
            'weighted_tokens_bought'
        ) }} as over_capacity_cost_usd,
        {{ prorated_usd(
            'units_bought',
            '(served_weighted_tokens - drawn_until_tokens + drawn_from_tokens)',
            'weighted_tokens_bought'
        ) }} as over_capacity_units,
        {{ prorated_usd(
            'units_bought', 'spilled_weighted_tokens', 'weighted_tokens_bought'
        ) }} as spill_units
    from bounded

),

final as (

    select
        *,
        case when is_due then weighted_tokens_bought else drawn_until_tokens end
        - drawn_from_tokens as capacity_weighted_tokens,
        case when is_due then units_bought else units_after end - units_before
            as capacity_units,
        units_after - units_before as used_units,
        case when is_due then units_bought - units_after else 0 end as unused_units,
        case when is_due then weighted_tokens_bought - drawn_until_tokens else 0 end
            as unused_weighted_tokens,
        case when is_due then bought_cost_usd else cost_after_usd end - cost_before_usd
            as capacity_cost_usd,
        cost_after_usd - cost_before_usd as used_cost_usd,
        case when is_due then bought_cost_usd - cost_after_usd else 0 end
            as unused_cost_usd
    from measured

)

select * from final
