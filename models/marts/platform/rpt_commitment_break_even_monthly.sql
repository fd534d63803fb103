with

choices as (
    select * from {{ ref('int_commitment_choices_monthly') }}
),

evidence as (
    select * from {{ ref('int_commitment_evidence_monthly') }}
),

judged as (

    select
        choices.*,
        evidence.forecast_owner,
        evidence.forecast_owner_cost_center_id,
        evidence.forecast_version_id,
        evidence.forecast_error_ratio,
        evidence.notice_date,
        evidence.expiry_date,
        evidence.history_days,
        evidence.model_retires_at,
        evidence.is_batchable,
        evidence.utilization_definition_version,
        cast(
            power(cast(greatest(0, choices.squared_deviation_units) as double), 0.5)
            as numeric(38, 6)
        ) as summed_deviation_units,
        case
            when choices.demand_weighted_tokens = 0 then 'no_demand'
            when choices.unpriced_attempts > 0 then 'no_on_demand_price'
            when choices.marginal_benefit_usd <= 0 then 'no_benefit'
            when evidence.forecast_error_ratio is null then 'forecast_error_unknown'
            when evidence.history_days < evidence.minimum_history_days
                then 'history_too_short'
            when not evidence.is_model_known then 'model_unknown'
            when
                evidence.forecast_error_ratio > evidence.forecast_error_limit_ratio
                then 'forecast_error_too_large'
            when not evidence.is_model_lasting then 'model_retires_first'
            else 'all_gates_passed'
        end as recommendation_reason
    from choices
    inner join evidence
        on
            choices.pool_id = evidence.pool_id
            and choices.billing_month = evidence.billing_month

),

final as (

    select
        -- ids
        pool_id,
        -- attributes
        utilization_definition_version,
        case
            when on_demand_usd_per_unit_hour is null then 'unknown'
            when break_even_utilization >= 1 then 'never'
            else 'reachable'
        end as break_even_reading,
        case
            when recommendation_reason = 'all_gates_passed' then 'commit'
            when
                recommendation_reason in (
                    'no_on_demand_price',
                    'forecast_error_unknown',
                    'history_too_short',
                    'model_unknown'
                )
                then 'hold'
            when is_batchable then 'batch'
            else 'variable'
        end as recommendation,
        recommendation_reason,
        forecast_version_id,
        forecast_owner,
        forecast_owner_cost_center_id,
        -- measures
        hours,
        capacity_units,
        used_units,
        cast({{ safe_ratio('used_units', 'capacity_units') }} as numeric(38, 12))
            as utilization,
        commitment_usd_per_unit_hour,
        cast(on_demand_usd_per_unit_hour as numeric(38, 12))
            as on_demand_usd_per_unit_hour,
        break_even_utilization,
        cast(demand_units as numeric(38, 12)) as demand_units,
        cast(peak_demand_units as numeric(38, 12)) as peak_demand_units,
        cast(peak_demand_units * hours as numeric(38, 12)) as peak_hours_units,
        cast(
            {{ safe_ratio('demand_units', 'peak_demand_units * hours') }}
            as numeric(38, 12)
        ) as load_factor_ratio,
        summed_deviation_units,
        cast(
            {{ safe_ratio('summed_deviation_units', 'demand_units') }}
            as numeric(38, 12)
        ) as demand_variation_ratio,
        capacity_cost_usd,
        spill_cost_usd,
        cast(capacity_cost_usd + spill_cost_usd as numeric(38, 12)) as actual_cost_usd,
        on_demand_cost_usd,
        cast(served_on_demand_usd - capacity_cost_usd as numeric(38, 12))
            as net_benefit_usd,
        cast(best_quantity_units as numeric(18, 6)) as best_quantity,
        cast(best_cost_usd as numeric(38, 12)) as best_cost_usd,
        quantity_cost_usd,
        cast(greatest(0, quantity_cost_usd - best_cost_usd) as numeric(38, 12))
            as regret_usd,
        cast(quantile_units as numeric(38, 12)) as quantile_quantity,
        cast(demand_growth_ratio as numeric(18, 6)) as demand_growth,
        cast(forecast_best_quantity_units as numeric(18, 6)) as forecast_best_quantity,
        cast(marginal_benefit_usd as numeric(38, 12)) as marginal_benefit_usd,
        cast(forecast_error_ratio as numeric(18, 6)) as forecast_error,
        history_days,
        throttled_attempts,
        unpriced_attempts,
        -- booleans
        is_batchable,
        -- dates
        billing_month as month,
        cast(notice_date as date) as notice_date,
        cast(expiry_date as date) as expiry_date,
        cast(model_retires_at as date) as model_retires_date
    from judged

)

select * from final
