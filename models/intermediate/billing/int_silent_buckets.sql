with

billed as (
    select * from {{ ref('int_billed_classes') }}
),

steps as (
    select * from {{ ref('int_value_steps') }}
),

silent_hours as (
    select * from {{ ref('int_silent_hours') }}
),

account_sources as (
    select distinct
        billing_account_id,
        source_name
    from {{ ref('int_usage_daily') }}
),

-- One row per step, account and stretch of the bill in which a source that serves the
-- account fell silent.
final as (

    select distinct
        billed.step_id,
        billed.billing_account_id,
        billed.billing_month,
        billed.bucket_date
    from billed
    inner join steps
        on billed.step_id = steps.step_id
    inner join account_sources
        on billed.billing_account_id = account_sources.billing_account_id
    inner join silent_hours
        on
            steps.usage_month = silent_hours.usage_month
            and steps.usage_known_month = silent_hours.usage_known_month
            and account_sources.source_name = silent_hours.source_name
            and billed.starts_at <= silent_hours.silent_hour
            and billed.ends_at > silent_hours.silent_hour

)

select * from final
