with

offered as (
    select * from {{ ref('int_capacity_offered_hourly') }}
),

pool_hours as (
    select * from {{ ref('int_capacity_hours_known') }}
),

-- In a pool of several commitments the cheapest is used first.
ordered as (

    select
        offered.*,
        pool_hours.is_due,
        pool_hours.used_weighted_tokens as pool_used_weighted_tokens,
        pool_hours.capacity_weighted_tokens as pool_capacity_weighted_tokens,
        pool_hours.capacity_cost_usd as pool_capacity_cost_usd,
        pool_hours.used_cost_usd as pool_used_cost_usd,
        coalesce(
            sum(offered.weighted_tokens_bought) over (
                partition by
                    offered.pool_id, offered.capacity_hour, offered.known_month
                order by
                    {{ prorated_usd(
                        'offered.capacity_cost_usd', '1', 'offered.weighted_tokens_bought'
                    ) }},
                    offered.commitment_id
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as cheaper_weighted_tokens
    from offered
    inner join pool_hours
        on
            offered.pool_id = pool_hours.pool_id
            and offered.capacity_hour = pool_hours.capacity_hour
            and offered.known_month = pool_hours.known_month

),

traced as (

    select
        *,
        case
            when is_hourly_capacity then weighted_tokens_bought
            else pool_capacity_weighted_tokens
        end as capacity_weighted_tokens,
        case
            when is_hourly_capacity
                then least(
                    weighted_tokens_bought,
                    greatest(0, pool_used_weighted_tokens - cheaper_weighted_tokens)
                )
            else pool_used_weighted_tokens
        end as used_weighted_tokens
    from ordered

),

costed as (

    select
        *,
        case
            when is_hourly_capacity then capacity_cost_usd
            else pool_capacity_cost_usd
        end as amortized_cost_usd,
        case
            when is_hourly_capacity
                then {{ prorated_usd(
                    'capacity_cost_usd', 'used_weighted_tokens', 'weighted_tokens_bought'
                ) }}
            else pool_used_cost_usd
        end as used_cost_usd
    from traced

),

final as (

    select
        commitment_id,
        pool_id,
        capacity_hour,
        known_month,
        is_newest,
        billing_date,
        billing_month,
        commitment_type,
        forecast_owner_cost_center_id,
        term_start_at,
        term_end_at,
        total_price_usd,
        cast(capacity_weighted_tokens as numeric(38, 6)) as capacity_weighted_tokens,
        cast(used_weighted_tokens as numeric(38, 6)) as used_weighted_tokens,
        cast(capacity_weighted_tokens - used_weighted_tokens as numeric(38, 6))
            as unused_weighted_tokens,
        cast(amortized_cost_usd as numeric(38, 12)) as capacity_cost_usd,
        cast(used_cost_usd as numeric(38, 12)) as used_cost_usd,
        cast(amortized_cost_usd - used_cost_usd as numeric(38, 12)) as unused_cost_usd
    from costed

)

select * from final
