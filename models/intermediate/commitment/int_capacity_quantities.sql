with

months as (
    select * from {{ ref('int_capacity_demand_months') }}
),

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
    where is_newest and is_hourly_capacity
),

-- Demand as it was, and as the forecast expects it next.
demand as (

    {% for scenario in ['observed', 'forecast'] -%}
    select
        pool_hours.pool_id,
        pool_hours.billing_month,
        pool_hours.capacity_hour,
        '{{ scenario }}' as scenario,
        cast(
            (pool_hours.served_weighted_tokens + pool_hours.spilled_weighted_tokens)
            {{ '* (1 + months.demand_growth_ratio)' if scenario == 'forecast' }}
            as numeric(38, 6)
        ) as demand_weighted_tokens,
        cast(months.weighted_tokens_per_unit as decimal(20, 0))
            as weighted_tokens_per_unit,
        cast(months.minimum_units as decimal(18, 6)) as minimum_units,
        cast(months.increment_units as decimal(18, 6)) as increment_units,
        case
            when months.capacity_units = pool_hours.capacity_units * months.hours
                then cast(pool_hours.capacity_units as decimal(18, 6))
        end as constant_units
    from pool_hours
    inner join months
        on
            pool_hours.pool_id = months.pool_id
            and pool_hours.billing_month = months.billing_month
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

-- Quantities are sold from the minimum on, in steps: those above the minimum that lie
-- at or below the demand of the hour.
stepped as (

    select
        *,
        {{ whole_quotient(
            'cast((demand_weighted_tokens - minimum_units * weighted_tokens_per_unit)'
            ~ ' * 1000000 as decimal(38, 0))',
            'cast(increment_units * weighted_tokens_per_unit * 1000000'
            ~ ' as decimal(38, 0))'
        ) }} as steps,
        row_number() over (
            partition by pool_id, billing_month, scenario order by capacity_hour
        ) - 1 as hour_number,
        max(demand_weighted_tokens) over (partition by pool_id, billing_month, scenario)
            as peak_weighted_tokens
    from demand

),

-- Cost bends only where an hour's demand lies, so that its neighbors on the grid hold
-- the optimum. One grid point an hour, from the minimum on, completes the picture.
candidates as (

    select
        pool_id,
        billing_month,
        scenario,
        cast(0 as decimal(18, 6)) as quantity_units
    from stepped
    union distinct
    select
        pool_id,
        billing_month,
        scenario,
        cast(minimum_units + greatest(steps, 0) * increment_units as decimal(18, 6))
            as quantity_units
    from stepped
    where demand_weighted_tokens > 0
    union distinct
    select
        pool_id,
        billing_month,
        scenario,
        cast(minimum_units + (steps + 1) * increment_units as decimal(18, 6))
            as quantity_units
    from stepped
    where
        demand_weighted_tokens
        > (minimum_units + steps * increment_units) * weighted_tokens_per_unit
        and demand_weighted_tokens >= minimum_units * weighted_tokens_per_unit
    union distinct
    select
        pool_id,
        billing_month,
        scenario,
        cast(minimum_units + hour_number * increment_units as decimal(18, 6))
            as quantity_units
    from stepped
    where
        (minimum_units + hour_number * increment_units) * weighted_tokens_per_unit
        <= peak_weighted_tokens
    union distinct
    select
        pool_id,
        billing_month,
        scenario,
        constant_units as quantity_units
    from stepped
    where constant_units is not null

),

final as (

    select
        pool_id,
        billing_month,
        scenario,
        quantity_units,
        -- Not what was asked: what this many units would serve in an hour.
        cast(null as timestamp) as capacity_hour,
        cast(null as numeric(38, 6)) as demand_weighted_tokens
    from candidates
    union all
    select
        pool_id,
        billing_month,
        scenario,
        cast(null as decimal(18, 6)) as quantity_units,
        capacity_hour,
        demand_weighted_tokens
    from demand

)

select * from final
