{{ config(materialized='table') }}

with

requests as (
    select
        source_name,
        started_at,
        ingested_at
    from {{ ref('int_requests_received') }}
    where started_at is not null
),

posting_periods as (
    select * from {{ ref('int_posting_periods') }}
),

hours as (

    select
        source_name,
        {{ dbt.date_trunc('hour', 'started_at') }} as started_hour,
        min(ingested_at) as first_ingested_at
    from requests
    group by source_name, {{ dbt.date_trunc('hour', 'started_at') }}

),

final as (

    select
        hours.source_name,
        cast(hours.started_hour as timestamp) as started_hour,
        posting_periods.posting_month as known_month
    from hours
    inner join posting_periods
        on
            hours.first_ingested_at > posting_periods.known_after_at
            and hours.first_ingested_at <= posting_periods.known_until_at

)

select * from final
