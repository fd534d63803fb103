-- Close check: two invoices of one issuer whose periods overlap charge something twice.
with

closed_months as (
    {{- closed_months() }}
),

invoices as (

    select
        billing_account_id,
        invoice_issuer_name,
        invoice_id,
        min(billing_month) as billing_month,
        min(billing_period_start) as period_start,
        max(billing_period_end) as period_end
    from {{ ref('fct_invoice_lines') }}
    where document_type = 'invoice' and invoice_id is not null
    group by billing_account_id, invoice_issuer_name, invoice_id

),

with_previous as (

    select
        *,
        max(period_end) over (
            partition by billing_account_id, invoice_issuer_name
            order by period_start, invoice_id
            rows between unbounded preceding and 1 preceding
        ) as previous_period_end
    from invoices

)

select
    with_previous.billing_account_id,
    with_previous.invoice_id,
    with_previous.period_start,
    with_previous.previous_period_end
from with_previous
inner join closed_months
    on with_previous.billing_month = closed_months.billing_month
where with_previous.period_start < with_previous.previous_period_end
