{{ config(materialized='table') }}

with

attempts as (
    select * from {{ ref('int_capacity_attempts') }}
    where
        commitment_pool_id is null
        and pricing_mode = 'on_demand'
        and billing_status = 'billable'
),

rates as (
    select * from {{ ref('int_capacity_rates') }}
),

demand as (
    select * from {{ ref('int_capacity_demand_hourly') }}
),

-- Only an application that also calls the pool can be said to go past it.
pool_users as (

    select
        pool_id,
        billing_month,
        application_id
    from demand
    group by pool_id, billing_month, application_id

),

final as (

    select
        rates.pool_id,
        rates.capacity_hour,
        cast(count(*) as bigint) as bypassing_attempts,
        cast(sum({{ weighted_tokens('attempts', 'rates') }}) as numeric(38, 6))
            as bypassing_weighted_tokens
    from attempts
    inner join rates
        on
            attempts.provider_id = rates.provider_id
            and attempts.model_id = rates.model_id
            and {{ dbt.date_trunc('hour', 'attempts.started_at') }}
            = rates.capacity_hour
    inner join pool_users
        on
            rates.pool_id = pool_users.pool_id
            and rates.billing_month = pool_users.billing_month
            and attempts.application_id = pool_users.application_id
    group by rates.pool_id, rates.capacity_hour

)

select * from final
