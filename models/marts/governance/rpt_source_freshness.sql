with

requests as (
    select
        source_name,
        source_record_id,
        quarantine_reason,
        is_superseded,
        exact_duplicates,
        started_at,
        ended_at,
        ingested_at
    from {{ ref('int_requests_resolved') }}
),

classified as (

    select
        requests.*,
        case
            when
                requests.source_record_id like 'synthetic:%'
                and requests.quarantine_reason is null
                then requests.exact_duplicates
            else 0
        end as ambiguous_rows,
        case
            when
                requests.ended_at is not null
                and requests.ingested_at >= requests.ended_at
                then {{ dbt.datediff('ended_at', 'ingested_at', 'second') }}
        end as arrival_lag_seconds
    from requests

),

by_source as (

    select
        source_name,
        sum(exact_duplicates + 1) as received_rows,
        sum(case when quarantine_reason is null and not is_superseded then 1 else 0 end)
            as accepted_rows,
        sum(case when quarantine_reason is not null then 1 else 0 end)
        + sum(ambiguous_rows)
            as quarantined_rows,
        sum(case when is_superseded then 1 else 0 end) as superseded_rows,
        sum(exact_duplicates) - sum(ambiguous_rows) as exact_duplicates,
        percentile_disc(0.95) within group (order by arrival_lag_seconds)
            as arrival_lag_p95_seconds,
        min(case when quarantine_reason is null then started_at end)
            as first_started_at,
        max(case when quarantine_reason is null then started_at end)
            as complete_through_at,
        max(ingested_at) as last_ingested_at
    from classified
    group by source_name

),

newest as (
    select max(last_ingested_at) as last_ingested_at
    from by_source
),

final as (

    select
        by_source.source_name,
        cast(by_source.received_rows as bigint) as received_rows,
        cast(by_source.accepted_rows as bigint) as accepted_rows,
        cast(by_source.quarantined_rows as bigint) as quarantined_rows,
        cast(by_source.superseded_rows as bigint) as superseded_rows,
        cast(by_source.exact_duplicates as bigint) as exact_duplicates,
        cast(by_source.arrival_lag_p95_seconds as bigint) as arrival_lag_p95_seconds,
        cast(
            {{ dbt.datediff(
                'by_source.complete_through_at', 'newest.last_ingested_at', 'second'
            ) }}
            as bigint
        ) as lag_seconds,
        by_source.first_started_at,
        by_source.complete_through_at,
        by_source.last_ingested_at
    from by_source
    cross join newest

)

select * from final
