-- Nothing is lost or invented between the bills and their lines, in rows and in money.
with

staged as (
    select
        source_name,
        count(*) as staged_rows,
        sum(billed_cost) as staged_cost
    from {{ ref('int_invoice_lines_unioned') }}
    group by source_name
),

statuses as (

    select
        source_name,
        line_status,
        count(*) as status_rows,
        sum(billed_cost) as status_cost
    from {{ ref('int_invoice_lines_identified') }}
    where line_status in ('final', 'superseded', 'quarantined', 'duplicate')
    group by source_name, line_status

),

received as (

    select
        source_name,
        sum(status_rows) as received_rows,
        sum(status_cost) as received_cost
    from statuses
    group by source_name

)

select
    coalesce(staged.source_name, received.source_name) as source_name,
    staged.staged_rows,
    received.received_rows,
    staged.staged_cost,
    received.received_cost
from staged
full outer join received
    on staged.source_name = received.source_name
where
    coalesce(staged.staged_rows, 0) <> coalesce(received.received_rows, 0)
    or coalesce(staged.staged_cost, 0) <> coalesce(received.received_cost, 0)
