{{ config(materialized='table') }}

with

residuals as (
    select residuals.*
    from {{ ref('int_residuals_classified') }} as residuals
    inner join {{ ref('int_value_steps') }} as steps
        on residuals.step_id = steps.step_id
    where steps.is_newest
),

unbilled as (
    select
        rated.billing_account_id,
        rated.billing_month,
        rated.model_id,
        rated.price_mode,
        sum(rated.rated_usd) as unbilled_usd
    from {{ ref('int_rated_buckets') }} as rated
    inner join {{ ref('int_value_steps') }} as steps
        on rated.step_id = steps.step_id
    where steps.is_newest and not rated.is_billed
    group by
        rated.billing_account_id, rated.billing_month, rated.model_id, rated.price_mode
),

keyed as (

    select
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        sum(rated_usd) as rated_usd,
        sum(rated_at_booked_rate_usd + true_up_usd) as target_usd
    from residuals
    group by billing_account_id, billing_month, model_id, price_mode

),

-- Days that the bill does not cover yet keep their rated cost.
completed as (

    select
        keyed.billing_account_id,
        keyed.billing_month,
        keyed.model_id,
        keyed.price_mode,
        keyed.rated_usd + coalesce(unbilled.unbilled_usd, 0) as rated_usd,
        keyed.target_usd + coalesce(unbilled.unbilled_usd, 0) as target_usd
    from keyed
    left join unbilled
        on
            keyed.billing_account_id = unbilled.billing_account_id
            and keyed.billing_month = unbilled.billing_month
            and keyed.model_id = unbilled.model_id
            and keyed.price_mode = unbilled.price_mode
    where keyed.rated_usd > 0

),

final as (

    select
        {{ dbt.hash(
            "billing_account_id || '|' || cast(billing_month as varchar)"
            ~ " || '|' || model_id || '|' || price_mode"
        ) }} as true_up_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        cast(rated_usd as decimal(38, 12)) as rated_usd,
        cast(target_usd as decimal(38, 12)) as target_usd,
        cast(rated_usd * 1000000000000 as decimal(38, 0)) as rated_parts,
        cast(target_usd * 1000000000000 as decimal(38, 0)) as target_parts
    from completed

)

select * from final
