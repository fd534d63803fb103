{{ config(materialized='table') }}

with

requests as (
    select
        attempt_date,
        ingested_at
    from {{ ref('int_requests_unioned') }}
),

placed_spans as (
    select * from {{ ref('int_otel_genai_requests_placed') }}
    where {{ is_known('ingested_at') }}
),

reference_windows as (
    select * from {{ ref('int_reference_windows') }}
),

arrived as (

    select
        attempt_date,
        count(*) as received_rows,
        coalesce(
            sum(
                cast(
                    {{ epoch_microseconds('ingested_at') }}
                    as decimal(38, 0)
                )
            ),
            0
        ) as arrival_sum
    from requests
    group by attempt_date

),

-- An agent's or workflow's span that arrives late gives calls of
-- earlier arrivals another place.
placed as (

    select
        coalesce(cast(started_at as date), cast('1900-01-01' as date)) as attempt_date,
        sum(cast({{ record_fingerprint([
            'attempt_id', 'interaction_id', 'session_id', 'workflow_id', 'component_id',
            'component_version', 'case_key',
        ]) }} as decimal(38, 0))) as place_sum
    from placed_spans
    group by coalesce(cast(started_at as date), cast('1900-01-01' as date))

),

-- Only reference rows that hold on the day count, clipped to it: closing an
-- old price or adding a new one leaves the days before it alone. Sums do not
-- depend on the order of rows.
referenced as (

    select
        arrived.attempt_date,
        sum(
            reference_windows.content_sum
            + cast(reference_windows.reference_rows as decimal(20, 0)) * cast(
                {{ epoch_microseconds(
                    "greatest(reference_windows.valid_from_at"
                    ~ ", cast(arrived.attempt_date as timestamp))"
                ) }}
                + 3 * {{ epoch_microseconds(
                    "least(reference_windows.valid_until_at"
                    ~ ", cast(" ~ dbt.dateadd('day', 1, 'arrived.attempt_date')
                    ~ " as timestamp))"
                ) }}
                as decimal(18, 0)
            )
        ) as reference_sum
    from arrived
    inner join reference_windows
        on
            reference_windows.valid_from_at
            < cast({{ dbt.dateadd('day', 1, 'arrived.attempt_date') }} as timestamp)
            and reference_windows.valid_until_at
            > cast(arrived.attempt_date as timestamp)
    group by arrived.attempt_date

),

final as (

    select
        arrived.attempt_date,
        cast(arrived.received_rows as bigint) as received_rows,
        {{ dbt.hash(
            "cast(arrived.received_rows as varchar)"
            ~ " || '|' || cast(arrived.arrival_sum as varchar)"
            ~ " || '|' || cast(coalesce(referenced.reference_sum, 0) as varchar)"
            ~ " || '|' || cast(coalesce(placed.place_sum, 0) as varchar)"
        ) }} as inputs_version
    from arrived
    left join referenced
        on arrived.attempt_date = referenced.attempt_date
    left join placed
        on arrived.attempt_date = placed.attempt_date

)

select * from final
