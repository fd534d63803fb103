with

pots as (
    select * from {{ ref('int_capacity_idle_pots') }}
),

bearers as (
    select * from {{ ref('int_capacity_idle_bearers') }}
    where weight > 0
),

rules as (
    select * from {{ ref('allocation_rules') }}
    where {{ is_known('recorded_at') }} and method = 'capacity_engine'
),

months as (
    select * from {{ ref('int_posting_periods') }}
),

-- The rule of the pool names the platform, as known at the close. Without a rule the
-- platform's part is nobody's.
ruled as (

    select
        pots.*,
        rules.allocation_rule_id,
        rules.version_no as allocation_rule_version_no,
        coalesce(rules.source_cost_center_id, 'UNALLOCATED') as platform_cost_center_id,
        cast(floor(pots.excess_cost_usd * 100) as decimal(38, 0)) as excess_cents
    from pots
    left join months
        on pots.known_month = months.posting_month
    left join rules
        on
            pots.pool_id = rules.pool_name
            and cast(pots.billing_month as timestamp) >= rules.valid_from_at
            and cast(pots.billing_month as timestamp) < rules.valid_until_at
            and rules.recorded_at
            <= coalesce(months.known_until_at, cast('9999-12-31' as timestamp))
    qualify row_number() over (
        partition by pots.pool_id, pots.billing_month, pots.known_month
        order by
            rules.recorded_at desc,
            rules.version_no desc,
            rules.allocation_rule_id asc,
            rules.source_cost_center_id asc
    ) = 1

),

-- Nobody used the pool, or nobody reserved it: the excess falls to who forecast it.
answered as (

    select
        ruled.pool_id,
        ruled.billing_month,
        ruled.known_month,
        max(case when bearers.cost_center_id is null then 0 else 1 end) = 1
            as has_bearers
    from ruled
    left join bearers
        on
            ruled.pool_id = bearers.pool_id
            and ruled.billing_month = bearers.billing_month
            and ruled.known_month = bearers.known_month
            and ruled.excess_rule = bearers.excess_rule
    group by ruled.pool_id, ruled.billing_month, ruled.known_month

),

weighed as (

    select
        ruled.*,
        bearers.cost_center_id,
        bearers.weight
    from ruled
    inner join answered
        on
            ruled.pool_id = answered.pool_id
            and ruled.billing_month = answered.billing_month
            and ruled.known_month = answered.known_month
    inner join bearers
        on
            ruled.pool_id = bearers.pool_id
            and ruled.billing_month = bearers.billing_month
            and ruled.known_month = bearers.known_month
            and bearers.excess_rule = case
                when answered.has_bearers then ruled.excess_rule
                else 'forecast_owner'
            end

),

shared as (
    {{ largest_remainder(
        'weighed', ['pool_id', 'billing_month', 'known_month'], 'excess_cents',
        'weight', 'cost_center_id asc', 'excess_part'
    ) }}
),

excess as (

    select
        pool_id,
        billing_month,
        known_month,
        cost_center_id,
        allocation_rule_id,
        allocation_rule_version_no,
        cast(excess_part as decimal(26, 0)) * cast(0.01 as decimal(2, 2)) + case
            when
                row_number() over (
                    partition by pool_id, billing_month, known_month
                    order by weight desc, cost_center_id asc
                ) = 1
                then excess_cost_usd - excess_cents * cast(0.01 as decimal(2, 2))
            else 0
        end as idle_cost_usd
    from shared

),

platform as (

    select
        pool_id,
        billing_month,
        known_month,
        platform_cost_center_id as cost_center_id,
        allocation_rule_id,
        allocation_rule_version_no,
        platform_cost_usd as idle_cost_usd
    from ruled

),

parts as (

    select * from platform
    union all
    select * from excess

),

final as (

    select
        pool_id,
        billing_month,
        known_month,
        cost_center_id,
        allocation_rule_id,
        allocation_rule_version_no,
        cast(sum(idle_cost_usd) as numeric(38, 12)) as idle_cost_usd
    from parts
    group by
        pool_id,
        billing_month,
        known_month,
        cost_center_id,
        allocation_rule_id,
        allocation_rule_version_no

)

select * from final
