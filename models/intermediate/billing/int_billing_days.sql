{{ config(materialized='table') }}

with

request_days as (
    select attempt_date
    from {{ ref('int_request_days') }}
    where attempt_date > cast('1900-01-01' as date)
),

accounts as (
    {{ known_rows(ref('billing_accounts'), ['billing_account_id']) }}
),

-- A day of the account's clock can touch two days in UTC: the one of the same name
-- and a neighbor.
candidates as (

    {% for shift in [-1, 0, 1] -%}
    select
        accounts.billing_account_id,
        accounts.billing_time_zone,
        request_days.attempt_date,
        cast({{ dbt.dateadd('day', shift, 'request_days.attempt_date') }} as date)
            as billing_date
    from request_days
    inner join accounts
        on
            request_days.attempt_date >= cast(accounts.valid_from_at as date)
            and cast(request_days.attempt_date as timestamp) < accounts.valid_until_at
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

bounded as (

    select
        billing_account_id,
        attempt_date,
        billing_date,
        {{ between_time_zones(
            'cast(billing_date as timestamp)', 'billing_time_zone', "'UTC'"
        ) }} as starts_at,
        {{ between_time_zones(
            'cast(' ~ dbt.dateadd('day', 1, 'billing_date') ~ ' as timestamp)',
            'billing_time_zone',
            "'UTC'"
        ) }} as ends_at
    from candidates

),

final as (

    select
        billing_account_id,
        attempt_date,
        billing_date,
        cast({{ dbt.date_trunc('month', 'billing_date') }} as date) as billing_month,
        starts_at,
        ends_at
    from bounded
    where
        starts_at
        < cast({{ dbt.dateadd('day', 1, 'attempt_date') }} as timestamp)
        and ends_at > cast(attempt_date as timestamp)

)

select * from final
