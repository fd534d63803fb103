{{ config(materialized='table') }}

with

attempts as (
    select * from {{ ref('int_capacity_attempts') }}
    where commitment_pool_id is not null
),

rates as (
    select * from {{ ref('int_capacity_rates') }}
),

-- Calls outside every hour of the pool's terms were bought on demand and are not here.
weighed as (

    select
        rates.pool_id,
        rates.capacity_hour,
        rates.billing_month,
        greatest(attempts.known_month, rates.billing_month) as known_month,
        attempts.application_id,
        attempts.cost_center_id,
        attempts.billing_status = 'billable'
        and attempts.pricing_mode = 'committed' as is_served,
        attempts.billing_status = 'billable'
        and attempts.pricing_mode = 'committed_spill' as is_spilled,
        attempts.status = 'provider_error'
        and attempts.error_class = 'throttled' as is_throttled,
        attempts.contracted_cost_usd,
        attempts.effective_cost_usd,
        {{ weighted_tokens('attempts', 'rates') }} as weighted_tokens
    from attempts
    inner join rates
        on
            attempts.commitment_pool_id = rates.pool_id
            and {{ dbt.date_trunc('hour', 'attempts.started_at') }}
            = rates.capacity_hour

),

final as (

    select
        pool_id,
        capacity_hour,
        billing_month,
        known_month,
        application_id,
        cost_center_id,
        cast(sum(case when is_served then weighted_tokens else 0 end) as numeric(38, 6))
            as served_weighted_tokens,
        cast(
            sum(case when is_spilled then weighted_tokens else 0 end) as numeric(38, 6)
        ) as spilled_weighted_tokens,
        cast(sum(case when is_served then 1 else 0 end) as bigint) as served_attempts,
        cast(sum(case when is_spilled then 1 else 0 end) as bigint) as spilled_attempts,
        cast(sum(case when is_throttled then 1 else 0 end) as bigint)
            as throttled_attempts,
        -- Without an on-demand price there is nothing to compare the pool with.
        cast(
            sum(
                case
                    when
                        (is_served or is_spilled) and contracted_cost_usd is null
                        then 1
                    else 0
                end
            ) as bigint
        ) as unpriced_attempts,
        cast(
            sum(case when is_served then coalesce(contracted_cost_usd, 0) else 0 end)
            as numeric(38, 12)
        ) as served_on_demand_usd,
        cast(
            sum(case when is_spilled then coalesce(contracted_cost_usd, 0) else 0 end)
            as numeric(38, 12)
        ) as spill_cost_usd,
        cast(
            sum(case when is_served then coalesce(effective_cost_usd, 0) else 0 end)
            as numeric(38, 12)
        ) as attempts_effective_cost_usd
    from weighed
    where
        is_served
        or is_spilled
        or is_throttled
    group by
        pool_id,
        capacity_hour,
        billing_month,
        known_month,
        application_id,
        cost_center_id

)

select * from final
