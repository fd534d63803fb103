-- Nothing is lost or invented between the raw files and the request table.
with

raw_rows as (
    select
        source_name,
        count(*) as raw_rows
    from {{ ref('int_requests_unioned') }}
    group by source_name
),

received as (
    select
        source_name,
        received_rows
    from {{ ref('rpt_source_freshness') }}
    where source_kind = 'requests'
)

select
    coalesce(raw_rows.source_name, received.source_name) as source_name,
    raw_rows.raw_rows,
    received.received_rows
from raw_rows
full outer join received
    on raw_rows.source_name = received.source_name
where
    raw_rows.raw_rows is null
    or received.received_rows is null
    or raw_rows.raw_rows <> received.received_rows
