with

requests as (
    select
        'requests' as source_kind,
        source_name,
        exact_duplicates + 1 as received_rows,
        case when quarantine_reason is null and not is_superseded then 1 else 0 end
            as accepted_rows,
        case when quarantine_reason is null then 0 else 1 end as quarantined_rows,
        case when is_superseded then 1 else 0 end as superseded_rows,
        exact_duplicates,
        -- Two equal rows without an id are not believed to be copies.
        case
            when source_record_id like 'synthetic:%' and quarantine_reason is null
                then exact_duplicates
            else 0
        end as ambiguous_rows,
        quarantine_reason is null as is_believed,
        started_at,
        ended_at,
        ingested_at
    from {{ ref('int_requests_resolved') }}
),

bill_lines as (
    select
        'bills' as source_kind,
        source_name,
        1 as received_rows,
        case when line_status = 'final' then 1 else 0 end as accepted_rows,
        case when line_status = 'quarantined' then 1 else 0 end as quarantined_rows,
        case when line_status = 'superseded' then 1 else 0 end as superseded_rows,
        case when line_status = 'duplicate' then 1 else 0 end as exact_duplicates,
        0 as ambiguous_rows,
        line_status <> 'quarantined' as is_believed,
        charge_period_start as started_at,
        charge_period_end as ended_at,
        ingested_at
    from {{ ref('int_invoice_lines_identified') }}
),

received as (
    select * from requests
    union all
    select * from bill_lines
),

classified as (

    select
        received.*,
        case
            when
                received.ended_at is not null
                and received.ingested_at >= received.ended_at
                then {{ dbt.datediff('ended_at', 'ingested_at', 'second') }}
        end as arrival_lag_seconds
    from received

),

by_source as (

    select
        source_kind,
        source_name,
        sum(received_rows) as received_rows,
        sum(accepted_rows) as accepted_rows,
        sum(quarantined_rows) + sum(ambiguous_rows) as quarantined_rows,
        sum(superseded_rows) as superseded_rows,
        sum(exact_duplicates) - sum(ambiguous_rows) as exact_duplicates,
        percentile_disc(0.95) within group (order by arrival_lag_seconds)
            as arrival_lag_p95_seconds,
        min(case when is_believed then started_at end) as first_started_at,
        max(case when is_believed then started_at end) as complete_through_at,
        max(ingested_at) as last_ingested_at
    from classified
    group by source_kind, source_name

),

-- A bill arrives days after the calls on it, which does not make the calls late.
newest as (
    select
        source_kind,
        max(last_ingested_at) as last_ingested_at
    from by_source
    group by source_kind
),

final as (

    select
        by_source.source_name,
        by_source.source_kind,
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
    inner join newest
        on by_source.source_kind = newest.source_kind

)

select * from final
