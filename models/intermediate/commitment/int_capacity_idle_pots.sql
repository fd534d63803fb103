with

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
),

spend_commitments as (
    select * from {{ ref('int_spend_commitments_known') }}
),

ranked as (

    select
        *,
        row_number() over (
            partition by pool_id, billing_month, known_month
            order by capacity_hour desc
        ) as hour_rank
    from pool_hours

),

-- The rule is applied once to the month, not to each hour, so that a busy hour cannot
-- offset an idle one twice. The rule of the month's last hour holds.
monthly as (

    select
        pool_id,
        billing_month,
        known_month,
        max(case when hour_rank = 1 then idle_rule end) as idle_rule,
        max(case when hour_rank = 1 then excess_idle_rule end) as excess_idle_rule,
        cast(sum(unused_cost_usd) as numeric(38, 12)) as unused_cost_usd,
        cast(
            sum(cast(capacity_cost_usd * headroom_ratio as numeric(38, 12)))
            as numeric(38, 12)
        ) as headroom_cost_usd
    from ranked
    group by pool_id, billing_month, known_month

    union all

    -- What a minimum spend leaves unspent is idle money of the same kind.
    select
        pool_id,
        billing_month,
        known_month,
        max(idle_rule) as idle_rule,
        max(excess_idle_rule) as excess_idle_rule,
        cast(sum(shortfall_usd) as numeric(38, 12)) as unused_cost_usd,
        cast(
            sum(cast(committed_usd * headroom_ratio as numeric(38, 12)))
            as numeric(38, 12)
        ) as headroom_cost_usd
    from spend_commitments
    group by pool_id, billing_month, known_month

),

split as (

    select
        *,
        cast(
            case idle_rule
                when 'platform' then unused_cost_usd
                when 'hybrid_headroom'
                    then least(
                        unused_cost_usd,
                        cast(round(headroom_cost_usd, 2) as numeric(38, 12))
                    )
                else 0
            end as numeric(38, 12)
        ) as platform_cost_usd
    from monthly

),

final as (

    select
        pool_id,
        billing_month,
        known_month,
        idle_rule,
        case when idle_rule = 'hybrid_headroom' then excess_idle_rule else idle_rule end
            as excess_rule,
        unused_cost_usd,
        headroom_cost_usd,
        platform_cost_usd,
        cast(unused_cost_usd - platform_cost_usd as numeric(38, 12)) as excess_cost_usd
    from split

)

select * from final
