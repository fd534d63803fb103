{{ config(materialized='table') }}

with

request_days as (
    select * from {{ ref('int_request_days') }}
),

graduated_volumes as (
    select * from {{ ref('int_graduated_volumes_monthly') }}
),

-- A graduated price makes every day of a month depend on the volume of the whole month.
monthly_volumes as (

    select
        usage_month,
        sum(cast({{ record_fingerprint([
            'billing_account_id', 'price_id', 'token_class', 'price_purpose', 'total_units',
            'total_cost_usd',
        ]) }} as decimal(38, 0))) as volume_sum
    from graduated_volumes
    group by usage_month

),

final as (

    select
        request_days.attempt_date,
        {{ dbt.hash(
            "request_days.inputs_version || '|' || cast(coalesce(monthly_volumes.volume_sum, 0) as varchar)"
        ) }} as inputs_version
    from request_days
    left join monthly_volumes
        on
            cast({{ dbt.date_trunc('month', 'request_days.attempt_date') }} as date)
            = monthly_volumes.usage_month

)

select * from final
