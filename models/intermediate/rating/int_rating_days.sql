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
        attempt_date,
        ingested_at
    from {{ ref('int_requests_received') }}
),

posting_periods as (
    select * from {{ ref('int_posting_periods') }}
),

arrivals as (

    select
        attempt_date,
        cast(ingested_at as date) as arrival_date
    from requests
    group by attempt_date, cast(ingested_at as date)

),

-- A close that is moved changes when the calls that arrived around it post.
posting_sums as (

    select
        arrivals.attempt_date,
        sum(cast({{ record_fingerprint([
            'arrivals.arrival_date', 'posting_periods.posting_month',
        ]) }} as decimal(38, 0))) as posting_sum
    from arrivals
    inner join posting_periods
        on
            cast({{ dbt.dateadd('day', 1, 'arrivals.arrival_date') }} as timestamp)
            > posting_periods.known_after_at
            and cast(arrivals.arrival_date as timestamp)
            <= posting_periods.known_until_at
    group by arrivals.attempt_date

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
            ~ " || '|' || cast(coalesce(posting_sums.posting_sum, 0) as varchar)"
        ) }} as inputs_version
    from request_days
    left join monthly_volumes
        on
            cast({{ dbt.date_trunc('month', 'request_days.attempt_date') }} as date)
            = monthly_volumes.usage_month
    left join posting_sums
        on request_days.attempt_date = posting_sums.attempt_date

)

select * from final
