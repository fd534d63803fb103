-- Close check: a line in another currency than its account's is refused, and its money
-- is missing from the ledger.
with

lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where quarantine_reason = 'CURRENCY_MISMATCH'
),

closed_months as (
    {{- closed_months() }}
)

select
    lines.source_name,
    lines.billing_account_id,
    lines.invoice_id,
    lines.billing_currency,
    lines.account_currency,
    lines.billed_cost
from lines
inner join closed_months
    on lines.billing_month = closed_months.billing_month
