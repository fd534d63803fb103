{{ config(materialized='table') }}

with

accounts as (
    select * from {{ ref('int_focus_accounts') }}
),

account_rates as (
    select * from {{ ref('int_account_rates') }}
    where known_until_month = cast('9999-12-01' as date)
),

months as (
    select usage_month as billing_month
    from {{ ref('int_value_steps') }}
    group by usage_month
),

-- The issuer's month by the account's clock, in UTC.
final as (

    select
        accounts.*,
        months.billing_month,
        cast(
            {{ between_time_zones(
                'cast(months.billing_month as timestamp)',
                'accounts.billing_time_zone',
                "'UTC'"
            ) }} as timestamp
        ) as month_starts_at,
        cast(
            {{ between_time_zones(
                'cast(' ~ dbt.dateadd('month', 1, 'months.billing_month')
                ~ ' as timestamp)',
                'accounts.billing_time_zone',
                "'UTC'"
            ) }} as timestamp
        ) as month_ends_at,
        case
            when accounts.billing_currency = 'USD' then 1
            else coalesce(account_rates.booked_rate, account_rates.average_rate)
        end as usd_rate
    from accounts
    cross join months
    left join account_rates
        on
            accounts.billing_account_id = account_rates.billing_account_id
            and months.billing_month = account_rates.billing_month

)

select * from final
