{{ config(materialized='table') }}

with

invoice_lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where billed_cost_usd is not null
),

steps as (
    select * from {{ ref('int_value_steps') }}
),

accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

commitments as (
    select distinct commitment_id
    from {{ ref('commitments') }}
    where {{ is_known('recorded_at') }}
),

-- Lines in force as far as the step knows. Copies and refused lines were never in
-- force: they count as replaced in the period in which they came.
known_lines as (

    select
        steps.step_id,
        steps.owners_known_month,
        steps.is_newest,
        invoice_lines.invoice_line_id,
        invoice_lines.version_no,
        coalesce(
            invoice_lines.invoice_id,
            'provisional:' || coalesce(invoice_lines.billing_account_id, 'UNKNOWN')
            || ':' || substr(cast(invoice_lines.usage_month as varchar), 1, 7)
        ) as bill_id,
        invoice_lines.reference_invoice_id,
        coalesce(invoice_lines.billing_account_id, 'UNKNOWN') as billing_account_id,
        invoice_lines.sub_account_id,
        invoice_lines.model_id,
        invoice_lines.commitment_id,
        invoice_lines.document_type,
        invoice_lines.charge_category,
        invoice_lines.commitment_status,
        invoice_lines.token_class,
        invoice_lines.pricing_mode,
        -- The month in which the usage took place: a correction names an earlier one.
        invoice_lines.usage_month as billing_month,
        invoice_lines.billing_date,
        invoice_lines.charge_period_start,
        invoice_lines.charge_period_end,
        invoice_lines.consumed_units,
        invoice_lines.billed_cost_usd,
        -- Rounding to cents can explain a cent on a line, and nothing on a finer one.
        case
            when
                invoice_lines.billed_cost_usd * 100
                = floor(invoice_lines.billed_cost_usd * 100) then 1
            else 0
        end as whole_cent_lines
    from invoice_lines
    inner join steps
        on
            invoice_lines.usage_month = steps.usage_month
            and invoice_lines.known_month <= steps.invoices_known_month
            and (
                invoice_lines.replaced_in_month is null
                or invoice_lines.replaced_in_month > steps.invoices_known_month
            )

),

final as (

    select
        known_lines.*,
        case
            when
                known_lines.charge_category = 'Credit'
                or known_lines.document_type = 'credit_memo'
                then 'credit'
            when known_lines.charge_category = 'Tax' then 'tax'
            when
                known_lines.commitment_status in ('Used', 'Unused')
                and known_lines.billed_cost_usd = 0
                then 'covered'
            when
                known_lines.charge_category = 'Purchase'
                and commitments.commitment_id is not null
                then 'commitment'
            when known_lines.charge_category = 'Purchase' then 'fee'
            when known_lines.charge_category = 'Adjustment' then 'adjustment'
            when
                known_lines.sub_account_id is not null
                and accounts.gateway_sub_account_ids <> '*'
                and '|' || accounts.gateway_sub_account_ids || '|'
                not like '%|' || known_lines.sub_account_id || '|%'
                then 'bypass'
            when
                known_lines.model_id is null or known_lines.token_class is null
                then 'unmapped'
            else 'metered'
        end as line_kind
    from known_lines
    left join commitments
        on known_lines.commitment_id = commitments.commitment_id
    left join accounts
        on known_lines.billing_account_id = accounts.billing_account_id

)

select * from final
