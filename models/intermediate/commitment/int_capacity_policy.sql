with

policies as (
    {{ latest_rows(ref('capacity_policies'), 'policy_id') }}
),

final as (

    select
        policy_id,
        utilization_definition_version,
        business_hours_from,
        business_hours_until,
        forecast_error_limit_ratio,
        minimum_history_days,
        batch_latency_hours
    from policies

)

select * from final
