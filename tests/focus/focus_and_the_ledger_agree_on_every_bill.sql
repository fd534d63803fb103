-- The ledger posts each bill in whole cents of USD; FOCUS shows it in its own currency.
with

charged as (
    select
        charges.bill_id,
        sum(charges.billed_cost * months.usd_rate) as charged_usd
    from {{ ref('int_focus_charges') }} as charges
    inner join {{ ref('int_focus_months') }} as months
        on
            charges.billing_account_id = months.billing_account_id
            and charges.billing_month = months.billing_month
    where charges.invoice_status <> 'estimated' and months.usd_rate is not null
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
