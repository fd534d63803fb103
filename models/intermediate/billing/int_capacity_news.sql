{%- set terms = [
    'pool_id', 'commitment_type', 'quantity', 'unit_price_usd_per_hour',
    'total_price_usd', 'upfront_amount_usd', 'term_end_at',
    'throughput_tokens_per_unit_hour', 'output_weight', 'cache_read_weight',
    'serves_from_at', 'serves_until_at',
] -%}

with

commitments as (
    select * from {{ ref('int_commitments_known') }}
),

reservations as (
    select * from {{ ref('commitment_reservations') }}
    where {{ is_known('recorded_at') }}
),

rules as (
    select * from {{ ref('allocation_rules') }}
    where {{ is_known('recorded_at') }} and method = 'capacity_engine'
),

periods as (
    select * from {{ ref('int_posting_periods') }}
),

-- A version that agrees with the one before it on what is bought and paid changes who
-- bears it.
versions as (

    select
        *,
        {{ record_fingerprint(terms) }} = lag({{ record_fingerprint(terms) }}) over (
            partition by commitment_id, term_start_at
            order by known_from_at, valid_from_at
        ) as has_same_terms
    from commitments

),

news as (

    select
        pool_id,
        case when has_same_terms then 'rule_change' else 'rate_correction' end as cause,
        known_from_at as recorded_at,
        serves_from_at as valid_from_at,
        serves_until_at as valid_until_at
    from versions
    union all
    select
        commitments.pool_id,
        'rule_change' as cause,
        reservations.recorded_at,
        reservations.valid_from_at,
        reservations.valid_until_at
    from reservations
    inner join commitments
        on reservations.commitment_id = commitments.commitment_id
    union all
    select
        pool_name as pool_id,
        'rule_change' as cause,
        recorded_at,
        valid_from_at,
        valid_until_at
    from rules

),

-- A day on either side covers the clock of every account. A month too many is no harm:
-- nothing of it changes.
final as (

    select
        news.pool_id,
        news.cause,
        periods.posting_month as known_month,
        cast(
            {{ dbt.date_trunc('month', dbt.dateadd('day', -1, 'news.valid_from_at')) }}
            as date
        ) as first_month,
        cast(
            {{ dbt.date_trunc('month', dbt.dateadd(
                'day',
                1,
                "least(news.valid_until_at, cast('9999-12-01' as timestamp))"
            )) }} as date
        ) as last_month
    from news
    inner join periods
        on
            news.recorded_at > periods.known_after_at
            and news.recorded_at <= periods.known_until_at
    group by
        news.pool_id,
        news.cause,
        periods.posting_month,
        news.valid_from_at,
        news.valid_until_at

)

select * from final
