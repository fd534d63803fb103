with

rated as (
    select * from {{ ref('int_rated_classes_daily') }}
),

billed as (
    select * from {{ ref('int_billed_classes') }}
),

billed_keys as (
    select distinct
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        is_billed_by_day
    from billed
),

-- A bill that is still provisional says nothing yet about the days after its last line.
billed_months as (

    select
        step_id,
        billing_account_id,
        billing_month,
        max(case when document_type = 'provisional' then 0 else 1 end) = 1 as is_final,
        max(billing_date) as last_billed_date
    from {{ ref('int_invoice_lines_stepped') }}
    where line_kind not in ('credit', 'tax', 'adjustment')
    group by step_id, billing_account_id, billing_month

),

final as (

    select
        rated.*,
        case
            when coalesce(billed_keys.is_billed_by_day, true) then rated.billing_date
            else rated.billing_month
        end as bucket_date,
        coalesce(
            billed_months.is_final
            or rated.billing_date <= billed_months.last_billed_date
            or not billed_keys.is_billed_by_day,
            false
        ) as is_billed
    from rated
    left join billed_months
        on
            rated.step_id = billed_months.step_id
            and rated.billing_account_id = billed_months.billing_account_id
            and rated.billing_month = billed_months.billing_month
    left join billed_keys
        on
            rated.step_id = billed_keys.step_id
            and rated.billing_account_id = billed_keys.billing_account_id
            and rated.billing_month = billed_keys.billing_month
            and rated.model_id = billed_keys.model_id
            and rated.price_mode = billed_keys.price_mode
            and rated.token_class = billed_keys.token_class

)

select * from final
