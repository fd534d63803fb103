{{ config(materialized='table') }}

with

request_days as (
    select * from {{ ref('int_request_days') }}
),

graduated_volumes as (
    select * from {{ ref('int_graduated_volumes_monthly') }}
),

requests as (
    select
        interaction_id,
        attempt_date
    from {{ ref('int_requests_received') }}
),

blocked_interactions as (
    select interaction_id
    from {{ ref('int_interaction_checks') }}
    where is_blocked_after_generation
),

-- A block after generation makes waste of calls that arrived long before.
blocked_calls as (

    select
        requests.attempt_date,
        count(*) as blocked_calls
    from requests
    inner join blocked_interactions
        on requests.interaction_id = blocked_interactions.interaction_id
    group by requests.attempt_date

),

-- A graduated price makes every day of a month depend on the volume of the whole month.
monthly_volumes as (

    select
        usage_month,
        sum(cast({{ record_fingerprint([
            'billing_account_id', 'price_id', 'token_class', 'price_purpose',
            'total_units', 'total_cost_usd',
        ]) }} as decimal(38, 0))) as volume_sum
    from graduated_volumes
    group by usage_month

),

final as (

    select
        request_days.attempt_date,
        {{ dbt.hash(
            "request_days.inputs_version"
            ~ " || '|' || cast(coalesce(monthly_volumes.volume_sum, 0) as varchar)"
            ~ " || '|' || cast(coalesce(blocked_calls.blocked_calls, 0) as varchar)"
        ) }} as inputs_version
    from request_days
    left join monthly_volumes
        on
            cast({{ dbt.date_trunc('month', 'request_days.attempt_date') }} as date)
            = monthly_volumes.usage_month
    left join blocked_calls
        on request_days.attempt_date = blocked_calls.attempt_date

)

select * from final
