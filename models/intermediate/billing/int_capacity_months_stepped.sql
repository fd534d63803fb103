{{ config(materialized='table') }}

with

charges as (
    select * from {{ ref('int_capacity_charges_monthly') }}
),

news as (
    select * from {{ ref('int_capacity_news') }}
),

steps as (
    select * from {{ ref('int_value_steps') }}
),

months as (

    select
        pool_id,
        billing_month,
        known_month
    from charges
    group by pool_id, billing_month, known_month

),

-- What is no news of a commitment, a reservation or a rule is news of calls. Of several
-- kinds in one period the one that steps put in last has the whole change.
caused as (

    select
        months.pool_id,
        months.billing_month,
        months.known_month,
        max(case when news.cause = 'rule_change' then 1 else 0 end) = 1
            as is_rule_change,
        max(case when news.cause = 'rate_correction' then 1 else 0 end) = 1
            as is_rate_correction
    from months
    left join news
        on
            months.pool_id = news.pool_id
            and months.known_month = news.known_month
            and months.billing_month >= news.first_month
            and months.billing_month <= news.last_month
    group by months.pool_id, months.billing_month, months.known_month

),

final as (

    select
        steps.step_id,
        caused.pool_id,
        caused.billing_month,
        caused.known_month
    from caused
    inner join steps
        on
            caused.billing_month = steps.usage_month
            and caused.known_month <= case
                when caused.is_rule_change then steps.rules_known_month
                when caused.is_rate_correction then steps.prices_known_month
                else steps.usage_known_month
            end
    qualify caused.known_month = max(caused.known_month) over (
        partition by steps.step_id, caused.pool_id
    )

)

select * from final
