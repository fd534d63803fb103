with

commitments as (
    {{ latest_rows(ref('commitments'), 'commitment_id') }}
),

capacity_unit_systems as (
    {{ latest_rows(ref('capacity_unit_systems'), 'unit_system_id') }}
),

known as (

    select
        commitments.*,
        capacity_unit_systems.unit_name
    from commitments
    left join capacity_unit_systems
        on commitments.unit = capacity_unit_systems.unit_system_id

),

final as (

    select
        commitment_id,
        pool_id,
        provider_id,
        model_id,
        billing_account_id,
        commitment_type,
        coalesce(unit_name, unit) as unit_name,
        spill_policy,
        spill_charging,
        idle_rule,
        excess_idle_rule,
        forecast_version_id,
        forecast_owner,
        forecast_owner_cost_center_id,
        approved_by,
        cast(quantity as numeric(18, 6)) as quantity_units,
        cast(unit_price_usd_per_hour as numeric(18, 6)) as unit_price_usd_per_hour,
        cast(total_price_usd as numeric(38, 12)) as total_price_usd,
        cast(upfront_amount_usd as numeric(38, 12)) as upfront_amount_usd,
        cast(throughput_tokens_per_unit_hour as bigint)
            as throughput_tokens_per_unit_hour,
        cast(output_weight as numeric(18, 6)) as output_weight,
        cast(cache_read_weight as numeric(18, 6)) as cache_read_weight,
        cast(minimum_units as numeric(18, 6)) as minimum_units,
        cast(increment_units as numeric(18, 6)) as increment_units,
        cast(headroom_ratio as numeric(18, 6)) as headroom_ratio,
        true as is_registered,
        cast({{ dbt.dateadd('day', '-notice_days', 'term_end_at') }} as date)
            as notice_date,
        cast(term_start_at as timestamp) as term_start_at,
        cast(term_end_at as timestamp) as term_end_at
    from known

    union all

    -- A bill can name a commitment that nobody has registered.
    select
        'UNKNOWN' as commitment_id,
        'UNKNOWN' as pool_id,
        {%- for column in [
            'provider_id', 'model_id', 'billing_account_id', 'commitment_type',
            'unit_name', 'spill_policy', 'spill_charging', 'idle_rule',
            'excess_idle_rule', 'forecast_version_id', 'forecast_owner',
        ] %}
        cast(null as varchar) as {{ column }},
        {%- endfor %}
        'UNOWNED' as forecast_owner_cost_center_id,
        cast(null as varchar) as approved_by,
        cast(null as numeric(18, 6)) as quantity_units,
        cast(null as numeric(18, 6)) as unit_price_usd_per_hour,
        cast(null as numeric(38, 12)) as total_price_usd,
        cast(null as numeric(38, 12)) as upfront_amount_usd,
        cast(null as bigint) as throughput_tokens_per_unit_hour,
        cast(null as numeric(18, 6)) as output_weight,
        cast(null as numeric(18, 6)) as cache_read_weight,
        cast(null as numeric(18, 6)) as minimum_units,
        cast(null as numeric(18, 6)) as increment_units,
        cast(null as numeric(18, 6)) as headroom_ratio,
        false as is_registered,
        cast(null as date) as notice_date,
        cast(null as timestamp) as term_start_at,
        cast(null as timestamp) as term_end_at

)

select * from final
