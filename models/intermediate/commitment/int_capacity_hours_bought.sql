{%- set measures = [
    'served_weighted_tokens', 'spilled_weighted_tokens', 'served_attempts',
    'spilled_attempts', 'throttled_attempts', 'unpriced_attempts',
    'served_on_demand_usd', 'spill_cost_usd', 'attempts_effective_cost_usd',
] %}

with

offered as (
    select * from {{ ref('int_capacity_offered_hourly') }}
),

demand as (
    select * from {{ ref('int_capacity_demand_known') }}
),

pool_hours as (

    select
        pool_id,
        capacity_hour,
        known_month,
        max(billing_time_zone) as billing_time_zone,
        max(billing_date) as billing_date,
        max(billing_month) as billing_month,
        max(provider_id) as provider_id,
        max(model_id) as model_id,
        max(commitment_type) as commitment_type,
        max(idle_rule) as idle_rule,
        max(excess_idle_rule) as excess_idle_rule,
        max(spill_charging) as spill_charging,
        max(throughput_tokens_per_unit_hour) as weighted_tokens_per_unit,
        max(headroom_ratio) as headroom_ratio,
        max(case when is_hourly_capacity then 1 else 0 end) = 1 as is_hourly_capacity,
        max(case when is_newest then 1 else 0 end) = 1 as is_newest,
        max(term_start_at) as term_start_at,
        max(term_end_at) as term_end_at,
        cast(sum(quantity) as numeric(38, 12)) as units_bought,
        cast(sum(weighted_tokens_bought) as numeric(38, 6)) as weighted_tokens_bought,
        cast(
            sum(
                case
                    when is_hourly_capacity then capacity_cost_usd
                    else total_price_usd
                end
            ) as numeric(38, 12)
        ) as bought_cost_usd
    from offered
    group by pool_id, capacity_hour, known_month

),

hourly_demand as (

    select
        pool_id,
        capacity_hour,
        known_month,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        count(*) as bearers
    from demand
    group by pool_id, capacity_hour, known_month

),

-- An hour without demand is a row.
final as (

    select
        pool_hours.*,
        {%- for measure in measures %}
        coalesce(hourly_demand.{{ measure }}, 0) as {{ measure }},
        {%- endfor %}
        sum(coalesce(hourly_demand.served_weighted_tokens, 0)) over (
            partition by
                pool_hours.pool_id, pool_hours.term_start_at, pool_hours.known_month
            order by pool_hours.capacity_hour
        ) as drawn_weighted_tokens
    from pool_hours
    left join hourly_demand
        on
            pool_hours.pool_id = hourly_demand.pool_id
            and pool_hours.capacity_hour = hourly_demand.capacity_hour
            and pool_hours.known_month = hourly_demand.known_month

)

select * from final
