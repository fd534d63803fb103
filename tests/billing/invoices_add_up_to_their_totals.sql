-- Close check: where the loader delivers an invoice's total, its lines come to it.
-- Lines are rounded, so the tolerance grows with their number.
with

closed_months as (
    {{- closed_months() }}
),

totals as (
    select * from {{ ref('int_invoice_totals') }}
),

lines as (

    select
        billing_account_id,
        invoice_id,
        min(billing_month) as billing_month,
        sum(case when line_status = 'final' then 1 else 0 end) as invoice_lines,
        sum(case when line_status = 'final' then billed_cost else 0 end) as lines_cost
    from {{ ref('int_invoice_lines_identified') }}
    where source_name = 'focus'
    group by billing_account_id, invoice_id

)

select
    totals.billing_account_id,
    totals.invoice_id,
    totals.invoice_total,
    lines.invoice_lines,
    lines.lines_cost
from totals
inner join lines
    on
        totals.invoice_id = lines.invoice_id
        and coalesce(totals.billing_account_id, '')
        = coalesce(lines.billing_account_id, '')
inner join closed_months
    on lines.billing_month = closed_months.billing_month
where
    greatest(
        totals.invoice_total - lines.lines_cost, lines.lines_cost - totals.invoice_total
    )
    > lines.invoice_lines
    * cast({{ var('invoice_rounding_per_line') }} as numeric(18, 6))
