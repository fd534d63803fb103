with

pool_hours as (
    select * from {{ ref('fct_capacity_hours') }}
),

-- The busiest hour of a date is the one that uses most of its capacity.
ranked as (

    select
        *,
        cast(capacity_hour as date) as capacity_date,
        row_number() over (
            partition by pool_id, cast(capacity_hour as date)
            order by
                {{ safe_ratio('used_units', 'capacity_units') }} desc, capacity_hour asc
        ) as busy_rank
    from pool_hours

),

daily as (

    select
        capacity_date,
        pool_id,
        max(provider_id) as provider_id,
        max(model_id) as model_id,
        max(utilization_definition_version) as utilization_definition_version,
        count(*) as capacity_hours,
        {%- for measure in [
            'capacity_units', 'used_units', 'unused_units', 'spill_units',
            'over_capacity_units', 'served_attempts', 'spilled_attempts',
            'throttled_attempts', 'bypassing_attempts', 'capacity_cost_usd', 'used_cost_usd',
            'unused_cost_usd', 'spill_cost_usd', 'over_capacity_cost_usd',
            'headroom_cost_usd', 'served_on_demand_usd',
        ] %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        {%- for measure in ['capacity_units', 'used_units'] %}
        sum(case when is_business_hour then {{ measure }} else 0 end)
            as business_hours_{{ measure }},
        sum(case when busy_rank = 1 then {{ measure }} else 0 end)
            as peak_hour_{{ measure }},
        {%- endfor %}
        sum(case when spilled_attempts > 0 then 1 else 0 end) as spill_hours,
        sum(case when throttled_attempts > 0 then 1 else 0 end) as throttled_hours,
        sum(case when bypassing_attempts > 0 then 1 else 0 end) as bypass_hours,
        sum(case when over_capacity_units > 0 then 1 else 0 end) as over_capacity_hours,
        sum(
            case
                when spilled_attempts > 0 and idle_elsewhere_weighted_tokens > 0 then 1
                else 0
            end
        ) as avoidable_spill_hours
    from ranked
    group by capacity_date, pool_id

),

final as (

    select
        -- ids
        pool_id,
        provider_id,
        model_id,
        -- attributes
        utilization_definition_version,
        -- measures
        cast(capacity_hours as bigint) as capacity_hours,
        {%- for measure in [
            'capacity_units', 'used_units', 'unused_units', 'spill_units',
            'over_capacity_units',
        ] %}
        cast({{ measure }} as numeric(38, 12)) as {{ measure }},
        {%- endfor %}
        cast({{ safe_ratio('used_units', 'capacity_units') }} as numeric(38, 12))
            as utilization_ratio,
        {%- for variant in ['business_hours', 'peak_hour'] %}
        cast({{ variant }}_capacity_units as numeric(38, 12))
            as {{ variant }}_capacity_units,
        cast({{ variant }}_used_units as numeric(38, 12)) as {{ variant }}_used_units,
        cast(
            {{ safe_ratio(variant ~ '_used_units', variant ~ '_capacity_units') }}
            as numeric(38, 12)
        ) as {{ variant }}_utilization_ratio,
        {%- endfor %}
        {%- for measure in [
            'served_attempts', 'spilled_attempts', 'throttled_attempts',
            'bypassing_attempts', 'spill_hours', 'throttled_hours', 'bypass_hours',
            'over_capacity_hours', 'avoidable_spill_hours',
        ] %}
        cast({{ measure }} as bigint) as {{ measure }},
        {%- endfor %}
        {%- for measure in [
            'capacity_cost_usd', 'used_cost_usd', 'unused_cost_usd', 'spill_cost_usd',
            'over_capacity_cost_usd', 'headroom_cost_usd', 'served_on_demand_usd',
        ] %}
        cast({{ measure }} as numeric(38, 12)) as {{ measure }},
        {%- endfor %}
        -- dates
        capacity_date as date
    from daily

)

select * from final
