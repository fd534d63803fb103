{{ config(materialized='table') }}

with

rating_days as (
    select * from {{ ref('int_rating_days') }}
),

requests as (
    select
        interaction_id,
        attempt_date
    from {{ ref('int_requests_received') }}
),

blocked_interactions as (
    select interaction_id
    from {{ ref('int_interaction_checks') }}
    where is_blocked_after_generation
),

billing_days as (
    select * from {{ ref('int_billing_days') }}
),

true_ups as (
    select * from {{ ref('int_true_ups') }}
    where target_parts <> rated_parts
),

capacity_rates as (
    select * from {{ ref('int_capacity_rates') }}
),

-- A block after generation makes waste of calls that arrived long before.
blocked_calls as (

    select
        requests.attempt_date,
        count(*) as blocked_calls
    from requests
    inner join blocked_interactions
        on requests.interaction_id = blocked_interactions.interaction_id
    group by requests.attempt_date

),

-- An invoice that asks for what was rated leaves every day as it is.
true_up_sums as (

    select
        billing_days.attempt_date,
        sum(cast({{ record_fingerprint([
            'true_ups.true_up_id', 'true_ups.target_parts', 'true_ups.rated_parts',
        ]) }} as decimal(38, 0))) as true_up_sum
    from billing_days
    inner join true_ups
        on
            billing_days.billing_account_id = true_ups.billing_account_id
            and billing_days.billing_month = true_ups.billing_month
    group by billing_days.attempt_date

),

-- A rate is a fraction: both of its terms count.
capacity_sums as (

    select
        cast(capacity_hour as date) as attempt_date,
        sum(cast({{ record_fingerprint([
            'pool_id', 'capacity_hour', 'rate_cost_usd', 'rate_weighted_tokens',
            'output_weight', 'cache_read_weight',
        ]) }} as decimal(38, 0))) as capacity_sum
    from capacity_rates
    group by cast(capacity_hour as date)

),

final as (

    select
        rating_days.attempt_date,
        {{ dbt.hash(
            "rating_days.inputs_version"
            ~ " || '|' || cast(coalesce(blocked_calls.blocked_calls, 0) as varchar)"
            ~ " || '|' || cast(coalesce(true_up_sums.true_up_sum, 0) as varchar)"
            ~ " || '|' || cast(coalesce(capacity_sums.capacity_sum, 0) as varchar)"
        ) }} as inputs_version
    from rating_days
    left join blocked_calls
        on rating_days.attempt_date = blocked_calls.attempt_date
    left join true_up_sums
        on rating_days.attempt_date = true_up_sums.attempt_date
    left join capacity_sums
        on rating_days.attempt_date = capacity_sums.attempt_date

)

select * from final
