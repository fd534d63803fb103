{{ config(materialized='table') }}

with

bill_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
),

credit_charges as (
    select credit_charges.*
    from {{ ref('int_credit_charges') }} as credit_charges
    inner join {{ ref('int_value_steps') }} as steps
        on credit_charges.step_id = steps.step_id
    where steps.is_newest
),

metered_charges as (
    select * from {{ ref('int_focus_metered_charges') }}
),

ownership_shares as (
    select * from {{ ref('int_ownership_shares') }}
),

-- A credit goes to those who bore what it credits.
credited as (

    select
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        credit_charges.application_id,
        credit_charges.cost_center_id,
        cast(null as varchar) as business_unit_id,
        abs(sum(credit_charges.amount_usd)) as weight_usd
    from bill_lines
    inner join credit_charges
        on
            bill_lines.line_kind = 'credit'
            and bill_lines.billing_account_id = credit_charges.billing_account_id
            and bill_lines.usage_month = credit_charges.billing_month
            and bill_lines.bill_id = credit_charges.bill_id
            and coalesce(bill_lines.model_id, 'UNKNOWN') = credit_charges.model_id
            and coalesce(bill_lines.commitment_id, '')
            = coalesce(credit_charges.commitment_id, '')
            and coalesce(
                case
                    when bill_lines.commitment_id is null then bill_lines.pricing_mode
                    else 'committed'
                end,
                ''
            ) = coalesce(credit_charges.price_mode, '')
    group by
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        credit_charges.application_id,
        credit_charges.cost_center_id

),

-- A correction of metered usage goes to those who used the model.
corrected as (

    select
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        metered_charges.application_id,
        cast(null as varchar) as cost_center_id,
        metered_charges.business_unit_id,
        sum(metered_charges.billed_cost) as weight_usd
    from bill_lines
    inner join metered_charges
        on
            bill_lines.line_kind = 'correction'
            and bill_lines.billing_account_id = metered_charges.billing_account_id
            and bill_lines.usage_month = metered_charges.billing_month
            and bill_lines.model_id = metered_charges.model_id
            and bill_lines.pricing_mode = metered_charges.pricing_mode
    group by
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        metered_charges.application_id,
        metered_charges.business_unit_id

),

-- Usage past the gateway goes to the owner of its project, if somebody owns it.
bypassing as (

    select
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        cast(null as varchar) as application_id,
        ownership_shares.cost_center_id,
        cast(null as varchar) as business_unit_id,
        sum(ownership_shares.share_millionths) as weight_usd
    from bill_lines
    inner join ownership_shares
        on
            bill_lines.line_kind = 'bypass'
            and bill_lines.sub_account_id = ownership_shares.application_id
            and bill_lines.charge_period_start >= ownership_shares.valid_from_at
            and bill_lines.charge_period_start < ownership_shares.valid_until_at
            and bill_lines.owners_known_month >= ownership_shares.known_from_month
            and bill_lines.owners_known_month < ownership_shares.known_until_month
    group by
        bill_lines.invoice_line_id,
        bill_lines.version_no,
        ownership_shares.cost_center_id

),

bearers as (

    select * from credited
    union all
    select * from corrected
    union all
    select * from bypassing

),

final as (

    select
        invoice_line_id,
        version_no,
        application_id,
        cost_center_id,
        business_unit_id,
        cast(weight_usd * 1000000 as decimal(38, 0)) as weight
    from bearers
    where weight_usd * 1000000 >= 1

)

select * from final
