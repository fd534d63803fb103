with

bill_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
),

final as (

    select
        billing_account_id,
        bill_id,
        max(invoice_id) as invoice_id,
        case
            when max(invoice_id) is null or min(document_type) = 'provisional'
                then 'provisional'
            else 'issued'
        end as invoice_status,
        min(invoice_issuer_name) as invoice_issuer_name,
        min(billing_currency) as billing_currency,
        cast(sum(payable_cost) as numeric(38, 12)) as payable_cost,
        min(billing_period_start) as billing_period_start,
        max(billing_period_end) as billing_period_end
    from bill_lines
    group by billing_account_id, bill_id

)

select * from final
