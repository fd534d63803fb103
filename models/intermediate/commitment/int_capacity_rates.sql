{{ config(materialized='table') }}

with

commitment_hours as (
    select * from {{ ref('int_commitment_hours') }}
    where is_in_force
),

-- Commitments of a pool that run at the same time agree on throughput and weights
-- (a test on the seed), so that a maximum names the one value.
final as (

    select
        pool_id,
        capacity_hour,
        max(provider_id) as provider_id,
        max(model_id) as model_id,
        max(commitment_type) as commitment_type,
        capacity_hour as valid_from_at,
        cast({{ dbt.dateadd('hour', 1, 'capacity_hour') }} as timestamp)
            as valid_until_at,
        cast(sum(capacity_units) as numeric(38, 12)) as capacity_units,
        max(throughput_tokens_per_unit_hour) as weighted_tokens_per_unit,
        max(output_weight) as output_weight,
        max(cache_read_weight) as cache_read_weight,
        cast(sum(capacity_cost_usd) as numeric(38, 12)) as capacity_cost_usd,
        -- A token package is bought for its term, not for an hour of it.
        cast(
            sum(
                case
                    when is_hourly_capacity then capacity_cost_usd
                    else total_price_usd
                end
            ) as numeric(38, 12)
        ) as rate_cost_usd,
        cast(sum(quantity * throughput_tokens_per_unit_hour) as numeric(38, 6))
            as rate_weighted_tokens,
        max(billing_date) as billing_date,
        max(billing_month) as billing_month
    from commitment_hours
    group by pool_id, capacity_hour

)

select * from final
