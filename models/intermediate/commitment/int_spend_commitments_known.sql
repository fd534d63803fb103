with

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where commitment_type = 'spend_commitment'
),

usage as (
    select * from {{ ref('int_spend_usage_monthly') }}
),

periods as (
    select * from {{ ref('int_posting_periods') }}
),

horizon as (
    select * from {{ ref('int_capacity_horizon') }}
),

rules as (
    select * from {{ ref('allocation_rules') }}
    where {{ is_known('recorded_at') }} and method = 'capacity_engine'
),

-- A shortfall is known when the term is over and belongs to its last month.
ended as (

    select
        commitments.*,
        cast(
            {{ dbt.date_trunc('month', between_time_zones(
                dbt.dateadd('hour', -1, 'commitments.term_end_at'),
                "'UTC'",
                'commitments.billing_time_zone'
            )) }} as date
        ) as billing_month
    from commitments
    inner join horizon
        on commitments.term_end_at <= horizon.ends_at

),

news as (

    select
        ended.commitment_id,
        ended.term_start_at,
        ended.known_from_at,
        greatest(periods.posting_month, ended.billing_month) as known_month
    from ended
    inner join periods
        on
            ended.known_from_at > periods.known_after_at
            and ended.known_from_at <= periods.known_until_at
    union distinct
    select
        ended.commitment_id,
        ended.term_start_at,
        ended.known_from_at,
        greatest(usage.known_month, ended.billing_month) as known_month
    from ended
    inner join usage
        on
            ended.commitment_id = usage.commitment_id
            and ended.term_start_at = usage.term_start_at
            and ended.known_from_at = usage.known_from_at
    union distinct
    select
        ended.commitment_id,
        ended.term_start_at,
        ended.known_from_at,
        greatest(periods.posting_month, ended.billing_month) as known_month
    from ended
    inner join rules
        on ended.pool_id = rules.pool_name
    inner join periods
        on
            rules.recorded_at > periods.known_after_at
            and rules.recorded_at <= periods.known_until_at

),

believed as (

    select
        ended.*,
        news.known_month
    from ended
    inner join news
        on
            ended.commitment_id = news.commitment_id
            and ended.term_start_at = news.term_start_at
            and ended.known_from_at = news.known_from_at
    left join periods
        on news.known_month = periods.posting_month
    where
        ended.known_from_at
        <= coalesce(periods.known_until_at, cast('9999-12-31' as timestamp))
        and (
            ended.is_in_force
            or ended.known_until_at
            > coalesce(periods.known_until_at, cast('9999-12-31' as timestamp))
        )

),

final as (

    select
        believed.commitment_id,
        believed.term_start_at,
        believed.pool_id,
        believed.billing_month,
        believed.known_month,
        believed.idle_rule,
        believed.excess_idle_rule,
        believed.headroom_ratio,
        believed.forecast_owner_cost_center_id,
        believed.total_price_usd as committed_usd,
        cast(coalesce(sum(usage.eligible_usd), 0) as numeric(38, 12)) as eligible_usd,
        cast(
            greatest(
                0, believed.total_price_usd - coalesce(sum(usage.eligible_usd), 0)
            ) as numeric(38, 12)
        ) as shortfall_usd
    from believed
    left join usage
        on
            believed.commitment_id = usage.commitment_id
            and believed.term_start_at = usage.term_start_at
            and believed.known_from_at = usage.known_from_at
            and believed.known_month >= usage.known_month
    group by
        believed.commitment_id,
        believed.term_start_at,
        believed.pool_id,
        believed.billing_month,
        believed.known_month,
        believed.idle_rule,
        believed.excess_idle_rule,
        believed.headroom_ratio,
        believed.forecast_owner_cost_center_id,
        believed.total_price_usd

)

select * from final
