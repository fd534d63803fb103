{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='interaction_date',
    meta={'versions': 'int_interaction_days'},
    on_schema_change='fail'
) }}

-- depends_on: {{ ref('int_interaction_days') }}
{%- set dates = changed_dates(ref('int_interaction_days'), 'interaction_date')
    if is_incremental() else [] %}

with

interactions as (
    select * from {{ ref('fct_interactions') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('cast(interaction_date as timestamp)', dates) }}
    {%- endif %}
),

-- Sandbox, test and evaluation traffic never enters a unit cost of production.
split as (

    select
        interactions.*,
        case when interactions.environment in ('prod', 'unknown') then 1 else 0 end
            as in_production,
        case
            when
                interactions.environment in ('prod', 'unknown')
                then interactions.total_cost_usd
        end as production_cost_usd
    from interactions

),

grouped as (

    select
        interaction_date,
        application_id,
        interaction_type,
        max(inputs_version) as inputs_version,
        count(*) as interactions,
        sum(in_production) as production_interactions,
        sum(case when is_successful then in_production else 0 end)
            as successful_interactions,
        sum(case when is_compliant then in_production else 0 end)
            as compliant_interactions,
        sum(case when is_compliant is null then 0 else in_production end)
            as checked_interactions,
        sum(case when has_price then 0 else 1 end) as unpriced_interactions,
        sum(attempts) as attempts,
        sum(retries) as retries,
        sum(fallbacks) as fallbacks,
        sum(steps) as steps,
        sum(model_inference_cost_usd) as model_inference_cost_usd,
        sum(total_cost_usd) as total_cost_usd,
        sum(production_cost_usd) as production_cost_usd,
        sum(unpriced_exposure_usd) as unpriced_exposure_usd,
        sum(case when in_production = 1 then quality_score end) as quality_score_sum,
        count(case when in_production = 1 then quality_score end)
            as quality_score_count,
        percentile_disc(0.5) within group (order by production_cost_usd)
            as cost_p50_usd,
        percentile_disc(0.95) within group (order by production_cost_usd)
            as cost_p95_usd
    from split
    group by interaction_date, application_id, interaction_type

),

final as (

    select
        interaction_date,
        application_id,
        interaction_type,
        cast(interactions as bigint) as interactions,
        cast(production_interactions as bigint) as production_interactions,
        cast(successful_interactions as bigint) as successful_interactions,
        cast(compliant_interactions as bigint) as compliant_interactions,
        cast(checked_interactions as bigint) as checked_interactions,
        cast(unpriced_interactions as bigint) as unpriced_interactions,
        cast(attempts as bigint) as attempts,
        cast(retries as bigint) as retries,
        cast(fallbacks as bigint) as fallbacks,
        cast(steps as bigint) as steps,
        cast(quality_score_count as bigint) as quality_score_count,
        cast(model_inference_cost_usd as numeric(38, 12)) as model_inference_cost_usd,
        cast(total_cost_usd as numeric(38, 12)) as total_cost_usd,
        cast(production_cost_usd as numeric(38, 12)) as production_cost_usd,
        cast(unpriced_exposure_usd as numeric(38, 12)) as unpriced_exposure_usd,
        cast(cost_p50_usd as numeric(38, 12)) as cost_p50_usd,
        cast(cost_p95_usd as numeric(38, 12)) as cost_p95_usd,
        cast(quality_score_sum as numeric(18, 6)) as quality_score_sum,
        {{ safe_ratio('production_cost_usd', 'production_interactions') }}
            as cost_per_interaction_usd,
        {{ safe_ratio('production_cost_usd', 'successful_interactions') }}
            as cost_per_successful_interaction_usd,
        {{ safe_ratio('successful_interactions', 'production_interactions') }}
            as success_ratio,
        {{ safe_ratio('quality_score_sum', 'quality_score_count') }}
            as mean_quality_ratio,
        inputs_version
    from grouped

)

select * from final
