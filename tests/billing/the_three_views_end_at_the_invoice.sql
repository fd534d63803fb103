-- The gateway's own cost, what rating adds to it and what the invoice adds to that
-- end at the invoiced amount.
with

compared as (
    select
        billing_account_id,
        month as usage_month,
        sum(amount_usd) as compared_usd
    from {{ ref('rpt_three_way_comparison_monthly') }}
    group by billing_account_id, month
),

invoiced as (
    select
        billing_account_id,
        month as usage_month,
        sum(invoiced_usd) as invoiced_usd
    from {{ ref('rpt_invoice_reconciliation_monthly') }}
    group by billing_account_id, month
)

select
    invoiced.billing_account_id,
    invoiced.usage_month,
    compared.compared_usd,
    invoiced.invoiced_usd
from invoiced
full outer join compared
    on
        invoiced.billing_account_id = compared.billing_account_id
        and invoiced.usage_month = compared.usage_month
where coalesce(compared.compared_usd, 0) <> coalesce(invoiced.invoiced_usd, 0)
