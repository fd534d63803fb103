{{ config(materialized='table') }}

with

commitment_days as (
    select * from {{ ref('int_commitment_days') }}
),

-- The longest date of any time zone has 25 hours.
positions as (
    {{ dbt.generate_series(25) }}
),

-- The one product of the models on capacity: hours of terms x commitments.
hours as (

    select
        commitment_days.*,
        positions.generated_number as hour_of_date,
        -- Where zones differ by half hours, an hour belongs to the date it starts on.
        cast(
            {{ dbt.date_trunc('hour', dbt.dateadd(
                'hour',
                'cast(positions.generated_number as integer)',
                dbt.dateadd('second', -1, 'commitment_days.starts_at')
            )) }} as timestamp
        ) as capacity_hour,
        cast(commitment_days.date_spread_usd * 1000000000000 as decimal(38, 0))
            as spread_parts
    from commitment_days
    inner join positions
        on commitment_days.hours_of_date >= positions.generated_number

),

-- A version recorded later takes over the hours for which it speaks.
believed as (

    select
        *,
        least(
            known_until_at,
            coalesce(
                lead(known_from_at) over (
                    partition by commitment_id, capacity_hour order by known_from_at
                ),
                known_until_at
            )
        ) as believed_until_at
    from hours
    where
        capacity_hour >= serves_from_at
        and capacity_hour < serves_until_at

),

final as (

    select
        commitment_id,
        pool_id,
        valid_from_at,
        known_from_at,
        believed_until_at as known_until_at,
        believed_until_at >= cast('9999-12-31' as timestamp) as is_in_force,
        provider_id,
        model_id,
        commitment_type,
        is_hourly_capacity,
        term_start_at,
        term_end_at,
        quantity,
        unit_price_usd_per_hour,
        throughput_tokens_per_unit_hour,
        output_weight,
        cache_read_weight,
        headroom_ratio,
        spill_charging,
        idle_rule,
        excess_idle_rule,
        forecast_owner_cost_center_id,
        total_price_usd,
        case when is_hourly_capacity then cast(quantity as numeric(38, 12)) end
            as capacity_units,
        -- In units of the twelfth decimal, so that the hours of a date add up to it.
        case
            when is_hourly_capacity
                then cast(
                    coalesce(unit_price_usd_per_hour, 0) * quantity
                    + cast(
                        {{ whole_quotient('spread_parts', 'hours_of_date') }} + case
                            when hour_of_date <= mod(spread_parts, hours_of_date) then 1
                            else 0
                        end as decimal(26, 0)
                    ) * cast(0.000000000001 as decimal(12, 12)) as numeric(38, 12)
                )
        end as capacity_cost_usd,
        capacity_hour,
        billing_time_zone,
        billing_date,
        cast({{ dbt.date_trunc('month', 'billing_date') }} as date) as billing_month
    from believed

)

select * from final
