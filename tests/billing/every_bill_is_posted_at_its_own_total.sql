-- What is posted about a bill, over all periods, is the bill in whole cents.
with

posted as (
    select
        billing_account_id,
        invoice_id,
        sum(amount_usd) as posted_usd
    from {{ ref('fct_cost_lines') }}
    where
        line_side <> 'provider_clearing'
        and not is_memo
        and invoice_id not like 'estimated:%'
    group by billing_account_id, invoice_id
),

billed as (
    select
        lines.billing_account_id,
        lines.bill_id as invoice_id,
        round(sum(lines.billed_cost_usd), 2) as billed_usd
    from {{ ref('int_invoice_lines_stepped') }} as lines
    inner join {{ ref('int_value_steps') }} as steps
        on lines.step_id = steps.step_id
    where steps.is_newest
    group by lines.billing_account_id, lines.bill_id
)

select
    coalesce(posted.billing_account_id, billed.billing_account_id)
        as billing_account_id,
    coalesce(posted.invoice_id, billed.invoice_id) as invoice_id,
    posted.posted_usd,
    billed.billed_usd
from posted
full outer join billed
    on
        posted.billing_account_id = billed.billing_account_id
        and posted.invoice_id = billed.invoice_id
where coalesce(posted.posted_usd, 0) <> coalesce(billed.billed_usd, 0)
