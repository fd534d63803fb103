{{ config(materialized='table') }}

with

metered_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
    where line_kind = 'metered'
),

account_months as (

    select
        billing_account_id,
        usage_month as billing_month,
        bill_id,
        sum(billed_cost_usd) as billed_usd
    from metered_lines
    group by billing_account_id, usage_month, bill_id

),

-- Usage that no line names: the account's largest bill of the month leaves it out.
fallbacks as (

    select
        billing_account_id,
        billing_month,
        '*' as model_id,
        '*' as pricing_mode,
        bill_id
    from account_months
    qualify row_number() over (
        partition by billing_account_id, billing_month
        order by billed_usd desc, bill_id asc
    ) = 1

),

billed_keys as (

    select
        billing_account_id,
        usage_month as billing_month,
        model_id,
        pricing_mode,
        bill_id,
        sum(billed_cost_usd) as billed_usd
    from metered_lines
    group by billing_account_id, usage_month, model_id, pricing_mode, bill_id

),

-- Where two bills name the same usage, the larger one is compared with the telemetry.
main_bills as (

    select
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        bill_id
    from billed_keys
    qualify row_number() over (
        partition by billing_account_id, billing_month, model_id, pricing_mode
        order by billed_usd desc, bill_id asc
    ) = 1

),

final as (

    select * from main_bills
    union all
    select * from fallbacks

)

select * from final
