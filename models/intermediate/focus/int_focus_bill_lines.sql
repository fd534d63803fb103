{{ config(materialized='table') }}

with

invoice_lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where line_status = 'final'
),

line_kinds as (
    select * from {{ ref('int_invoice_lines_stepped') }}
    where is_newest
),

-- A line without an exchange rate is in no step; in its own currency it is as good as
-- any other.
final as (

    select
        invoice_lines.* exclude (billing_account_id),
        coalesce(invoice_lines.billing_account_id, 'UNKNOWN') as billing_account_id,
        coalesce(
            line_kinds.bill_id,
            invoice_lines.invoice_id,
            'provisional:' || coalesce(invoice_lines.billing_account_id, 'UNKNOWN')
            || ':' || substr(cast(invoice_lines.usage_month as varchar), 1, 7)
        ) as bill_id,
        line_kinds.owners_known_month,
        case
            when
                line_kinds.line_kind = 'metered'
                and invoice_lines.charge_class = 'Correction'
                then 'correction'
            when line_kinds.line_kind is not null then line_kinds.line_kind
            when invoice_lines.charge_category = 'Purchase' then 'fee'
            when invoice_lines.charge_category in ('Adjustment', 'Credit', 'Tax')
                then lower(invoice_lines.charge_category)
            else 'unmapped'
        end as line_kind,
        case
            when
                invoice_lines.token_class in (
                    {%- for token_class in priced_token_classes() %}
                    '{{ token_class }}'{{ ',' if not loop.last }}
                    {%- endfor %}
                ) then invoice_lines.token_class
            else 'other_meters'
        end as billed_class
    from invoice_lines
    left join line_kinds
        on
            invoice_lines.invoice_line_id = line_kinds.invoice_line_id
            and invoice_lines.version_no = line_kinds.version_no

)

select * from final
