-- The ledger posts each bill in whole cents of USD; FOCUS shows it in its own currency.
-- Bills with a line that has no exchange rate are in the ledger in part only.
with

rated_bills as (
    select
        bill_id,
        billing_account_id,
        max(booked_rate) as booked_rate
    from {{ ref('int_focus_bill_lines') }}
    group by bill_id, billing_account_id
    having
        count(billed_cost_usd) = count(*)
        and min(booked_rate) = max(booked_rate)
),

charged as (
    select
        charges.bill_id,
        sum(charges.billed_cost * rated_bills.booked_rate) as charged_usd
    from {{ ref('int_focus_charges') }} as charges
    inner join rated_bills
        on
            charges.bill_id = rated_bills.bill_id
            and charges.billing_account_id = rated_bills.billing_account_id
    group by charges.bill_id
),

posted as (
    select
        invoice_id as bill_id,
        sum(amount_usd) as posted_usd
    from {{ ref('fct_cost_lines') }}
    where line_side <> 'provider_clearing' and not is_memo
    group by invoice_id
)

select
    charged.bill_id,
    charged.charged_usd,
    posted.posted_usd
from charged
left join posted
    on charged.bill_id = posted.bill_id
where abs(charged.charged_usd - coalesce(posted.posted_usd, 0)) > 0.01
