-- The reconciliation rates what the calls cost, no more and no less, in every month.
with

rated as (
    select
        billing_account_id,
        month as usage_month,
        sum(rated_usd) as reconciled_usd
    from {{ ref('rpt_invoice_reconciliation_monthly') }}
    where token_class <> 'CAPACITY'
    group by billing_account_id, month
),

attempts as (
    select
        coalesce(billing_account_id, 'UNKNOWN') as billing_account_id,
        cast({{ dbt.date_trunc('month', 'attempt_date') }} as date) as usage_month,
        sum(contracted_cost_usd) as attempts_usd
    from {{ ref('fct_attempts') }}
    where pricing_mode <> 'committed'
    group by
        coalesce(billing_account_id, 'UNKNOWN'),
        cast({{ dbt.date_trunc('month', 'attempt_date') }} as date)
)

select
    attempts.billing_account_id,
    attempts.usage_month,
    attempts.attempts_usd,
    rated.reconciled_usd
from attempts
full outer join rated
    on
        attempts.billing_account_id = rated.billing_account_id
        and attempts.usage_month = rated.usage_month
where coalesce(attempts.attempts_usd, 0) <> coalesce(rated.reconciled_usd, 0)
