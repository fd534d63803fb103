{#- Fails for each invoice, and each account's provisional bill, whose charges do not sum to what the bill's
    lines ask for. -#}
{% test focus_invoices_add_up_to_what_they_ask_for(model) %}
with

charged as (
    select
        "InvoiceIssuerName" as issuer,
        coalesce("InvoiceId", 'provisional:' || "BillingAccountId") as bill,
        "BillingCurrency" as currency,
        sum("BilledCost") as amount
    from {{ model }}
    where "x_InvoiceStatus" <> 'estimated'
    group by
        "InvoiceIssuerName",
        coalesce("InvoiceId", 'provisional:' || "BillingAccountId"),
        "BillingCurrency"
),

payable as (
    select
        coalesce(invoice_issuer_name, service_provider_name, provider_id, 'UNKNOWN') as issuer,
        coalesce(invoice_id, 'provisional:' || coalesce(billing_account_id, 'UNKNOWN'))
            as bill,
        coalesce(billing_currency, 'XXX') as currency,
        sum(billed_cost) as amount
    from {{ ref('fct_invoice_lines') }}
    group by
        coalesce(invoice_issuer_name, service_provider_name, provider_id, 'UNKNOWN'),
        coalesce(invoice_id, 'provisional:' || coalesce(billing_account_id, 'UNKNOWN')),
        coalesce(billing_currency, 'XXX')
)

select
    coalesce(charged.issuer, payable.issuer) as issuer,
    coalesce(charged.bill, payable.bill) as bill,
    charged.amount as charged_amount,
    payable.amount as payable_amount
from charged
full outer join payable
    on
        charged.issuer = payable.issuer
        and charged.bill = payable.bill
        and charged.currency = payable.currency
where coalesce(charged.amount, 0) <> coalesce(payable.amount, 0)
{% endtest %}
