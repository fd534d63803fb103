{{ config(materialized='table') }}

{%- set attributes = focus_usage_attributes() -%}

with

usage_classes as (
    select * from {{ ref('int_focus_usage_classes') }}
),

billed_classes as (
    select distinct
        billed.billing_account_id,
        billed.billing_month,
        billed.model_id,
        billed.price_mode,
        billed.token_class,
        billed.is_billed_by_day
    from {{ ref('int_billed_classes') }} as billed
    inner join {{ ref('int_value_steps') }} as steps
        on billed.step_id = steps.step_id
    where steps.is_newest
),

buckets as (
    select buckets.*
    from {{ ref('int_rated_buckets') }} as buckets
    inner join {{ ref('int_value_steps') }} as steps
        on buckets.step_id = steps.step_id
    where steps.is_newest and buckets.is_billed
),

main_bills as (
    select * from {{ ref('int_focus_main_bills') }}
),

-- A bill that is still provisional covers the days up to its last line.
placed as (

    select
        usage_classes.*,
        case
            when buckets.step_id is null
                then
                    'estimated:' || usage_classes.billing_account_id || ':'
                    || substr(cast(usage_classes.billing_month as varchar), 1, 7)
            else coalesce(main_bills.bill_id, account_bills.bill_id)
        end as bill_id
    from usage_classes
    left join billed_classes
        on
            usage_classes.billing_account_id = billed_classes.billing_account_id
            and usage_classes.billing_month = billed_classes.billing_month
            and usage_classes.model_id = billed_classes.model_id
            and usage_classes.price_mode = billed_classes.price_mode
            and usage_classes.billed_class = billed_classes.token_class
    left join buckets
        on
            not usage_classes.is_covered
            and usage_classes.billing_account_id = buckets.billing_account_id
            and usage_classes.billing_month = buckets.billing_month
            and usage_classes.model_id = buckets.model_id
            and usage_classes.price_mode = buckets.price_mode
            and usage_classes.billed_class = buckets.token_class
            and case
                when coalesce(billed_classes.is_billed_by_day, true)
                    then usage_classes.billing_date
                else usage_classes.billing_month
            end = buckets.bucket_date
    left join main_bills
        on
            usage_classes.billing_account_id = main_bills.billing_account_id
            and usage_classes.billing_month = main_bills.billing_month
            and usage_classes.model_id = main_bills.model_id
            and usage_classes.price_mode = main_bills.pricing_mode
    left join main_bills as account_bills
        on
            usage_classes.billing_account_id = account_bills.billing_account_id
            and usage_classes.billing_month = account_bills.billing_month
            and account_bills.model_id = '*'

),

final as (

    select
        {{ attributes | join(',\n        ') }},
        token_class,
        billed_class,
        bill_id,
        cast(sum(units) as numeric(38, 6)) as units,
        cast(sum(attempts) as bigint) as attempts,
        case
            when min(first_api_key_hash) = max(last_api_key_hash)
                then max(last_api_key_hash)
        end as credential_id,
        case
            when min(first_user_pseudonym) = max(last_user_pseudonym)
                then max(last_user_pseudonym)
        end as principal_id
    from placed
    group by
        {{ attributes | join(',\n        ') }},
        token_class,
        billed_class,
        bill_id

)

select * from final
