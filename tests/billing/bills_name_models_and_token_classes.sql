-- Close check: use that no model and class can be read from cannot be reconciled.
with

lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

closed_months as (
    {{- closed_months() }}
),

accounts as (

    select
        lines.billing_account_id,
        lines.billing_month,
        sum(greatest(lines.billed_cost_usd, -lines.billed_cost_usd)) as billed_usd,
        sum(
            case
                when lines.quality_flags like '%UNMAPPED_SKU%'
                    then greatest(lines.billed_cost_usd, -lines.billed_cost_usd)
                else 0
            end
        ) as unmapped_usd
    from lines
    inner join closed_months
        on lines.billing_month = closed_months.billing_month
    group by lines.billing_account_id, lines.billing_month

)

select *
from accounts
where
    unmapped_usd
    > billed_usd * cast({{ var('unmapped_sku_limit_ratio') }} as numeric(18, 6))
