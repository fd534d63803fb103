{{ config(materialized='table') }}

with

steps as (
    select
        usage_month,
        posting_month
    from {{ ref('int_value_steps') }}
    group by usage_month, posting_month
),

periods as (
    select * from {{ ref('int_posting_periods') }}
),

rules as (
    select * from {{ ref('allocation_rules') }}
    where {{ is_known('recorded_at') }}
),

-- The rule that speaks for the month, as the period knew it; where none does, the
-- newest one that the period knew.
final as (

    select
        steps.usage_month,
        steps.posting_month,
        rules.pool_name,
        rules.allocation_rule_id
    from steps
    left join periods
        on steps.posting_month = periods.posting_month
    inner join rules
        on
            rules.recorded_at
            <= coalesce(periods.known_until_at, cast('9999-12-31' as timestamp))
    qualify row_number() over (
        partition by steps.usage_month, steps.posting_month, rules.pool_name
        order by
            case
                when
                    cast(steps.usage_month as timestamp) >= rules.valid_from_at
                    and cast(steps.usage_month as timestamp) < rules.valid_until_at
                    then 1
                else 2
            end,
            rules.recorded_at desc,
            rules.version_no desc,
            rules.allocation_rule_id asc
    ) = 1

)

select * from final
