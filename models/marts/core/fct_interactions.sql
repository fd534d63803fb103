{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='interaction_date',
    meta={'versions': 'int_interaction_days'},
    on_schema_change='fail',
    cluster_by=['interaction_date']
) }}

{%- set dates = changed_dates(ref('int_interaction_days'), 'interaction_date')
    if is_incremental() else [] -%}
{%- set rebuilt = falls_on_dates('cast(interaction_date as timestamp)', dates)
    if is_incremental() else '1 = 1' -%}
{#- What the first attempt says of its interaction. -#}
{%- set opening_columns = [
    'run_id', 'session_id', 'application_id', 'workflow_id', 'user_pseudonym',
    'cost_center_id', 'business_unit_id', 'product_owner_id', 'platform_team_id',
    'environment', 'interaction_type',
] %}

with

-- Records whose call another source bears are no attempts of their own.
attempts as (
    select
        *,
        -- Orders by time, then by id, as text: the digits are the same for any date.
        cast(
            {{ epoch_microseconds('started_at') }}
            + 10000000000000000 as varchar
        ) || attempt_id as attempt_order
    from {{ ref('fct_attempts') }}
    where
        is_cost_bearing
        and {{ rebuilt }}
),

interaction_days as (
    select * from {{ ref('int_interaction_days') }}
),

evidence as (
    select * from {{ ref('int_interaction_evidence') }}
),

workflows as (
    {{ known_rows(ref('workflows'), ['workflow_id']) }}
),

costliest_models as (
    select * from {{ ref('int_costliest_models') }}
    where {{ rebuilt }}
),

repeated_steps as (
    select * from {{ ref('int_repeated_steps') }}
    where {{ rebuilt }}
),

-- Read apart: one common table of attempts would be held in memory whole.
openings as (
    select
        attempt_id,
        {{ opening_columns | join(',\n        ') }}
    from {{ ref('fct_attempts') }}
    where {{ rebuilt }}
),

-- The first attempt describes the interaction, the last one tells how it ended.
grouped as (

    select
        interaction_id,
        interaction_date,
        substr(min(attempt_order), 18) as first_attempt_id,
        max(attempt_order || case when is_success then '|success' else '' end)
        like '%|success' as is_technically_successful,
        max(model_id) as model_id,
        max(case_key) as case_key,
        count(*) as attempts,
        sum(retries_reported + case when attempt_role = 'retry' then 1 else 0 end)
            as retries,
        sum(
            case
                when attempt_grain = 'call' then fallbacks_reported
                when attempt_role = 'fallback' then 1
                else 0
            end
        ) as fallbacks,
        count(step_id) as attempts_with_step,
        sum(case when is_gateway_cache_hit then 1 else 0 end) as cache_replays,
        {%- for token_class in priced_token_classes() %}
        sum({{ token_class }}_tokens) as {{ token_class }}_tokens,
        {%- endfor %}
        sum(reasoning_tokens) as reasoning_tokens,
        sum(effective_cost_usd) as model_inference_cost_usd,
        sum(case when attempt_role = 'retry' then effective_cost_usd else 0 end)
            as retry_cost_usd,
        sum(unpriced_exposure_usd) as unpriced_exposure_usd,
        sum(case when unpriced_reason is not null then 1 else 0 end)
            as unpriced_attempts,
        min(unpriced_reason) as unpriced_reason,
        max(case when is_application_registered then 1 else 0 end) = 1
            as is_application_registered,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from attempts
    group by interaction_id, interaction_date

),

described as (

    select
        grouped.*,
        {%- for column in opening_columns %}
        openings.{{ column }},
        {%- endfor %}
        grouped.attempts_with_step - coalesce(repeated_steps.repeats, 0) as steps,
        coalesce(costliest_models.model_id, grouped.model_id) as primary_model_id
    from grouped
    inner join openings
        on grouped.first_attempt_id = openings.attempt_id
    left join costliest_models
        on grouped.interaction_id = costliest_models.interaction_id
    left join repeated_steps
        on grouped.interaction_id = repeated_steps.interaction_id

),

questioned as (

    select
        described.*,
        described.cost_center_id not in ('UNOWNED', 'UNALLOCATED')
        and described.business_unit_id <> 'UNOWNED'
        and described.product_owner_id is not null as has_owner,
        described.unpriced_attempts = 0 as has_price,
        described.is_application_registered
        and workflows.workflow_id is not null as has_demand,
        -- Without a policy check nobody knows: unknown, not compliant.
        case when evidence.checks > 0 then evidence.open_violations = 0 end
            as is_compliant,
        evidence.outcome_id,
        evidence.quality_score,
        coalesce(evidence.is_blocked_after_generation, false) as is_blocked,
        coalesce(evidence.is_outcome_successful, false) as is_outcome_successful,
        evidence.outcome_id is not null or (
            coalesce(not workflows.is_outcome_expected, false)
            and workflows.no_outcome_reason is not null
        ) as has_outcome,
        -- A business event that ends a workflow says whether it has succeeded.
        case
            when
                workflows.is_outcome_expected
                and {{ "1 = 1" if 'business' in var('sources') else "1 = 0" }}
                then 'business'
            else 'technical'
        end as success_basis
    from described
    left join workflows
        on
            described.workflow_id = workflows.workflow_id
            and described.started_at >= workflows.valid_from_at
            and described.started_at < workflows.valid_until_at
    left join evidence
        on described.interaction_id = evidence.interaction_id

),

final as (

    select
        -- ids
        questioned.interaction_id,
        questioned.run_id,
        questioned.session_id,
        questioned.application_id,
        questioned.workflow_id,
        questioned.user_pseudonym,
        questioned.case_key,
        questioned.cost_center_id,
        questioned.business_unit_id,
        questioned.product_owner_id,
        questioned.platform_team_id,
        questioned.primary_model_id,
        questioned.outcome_id,
        -- attributes
        questioned.environment,
        questioned.interaction_type,
        questioned.success_basis,
        questioned.unpriced_reason,
        case
            when questioned.has_owner then null
            when
                questioned.cost_center_id in ('UNOWNED', 'UNALLOCATED')
                then 'no_cost_center'
            when questioned.business_unit_id = 'UNOWNED' then 'no_business_unit'
            else 'no_product_owner'
        end as has_owner_reason,
        questioned.unpriced_reason as has_price_reason,
        case
            when questioned.has_demand then null
            when
                not questioned.is_application_registered
                then 'application_not_registered'
            else 'workflow_not_registered'
        end as has_demand_reason,
        case when questioned.is_compliant is null then 'no_policy_check' end
            as has_result_reason,
        case when not questioned.has_outcome then 'no_outcome_linked' end
            as has_outcome_reason,
        -- measures
        cast(questioned.attempts as bigint) as attempts,
        cast(questioned.retries as bigint) as retries,
        cast(questioned.fallbacks as bigint) as fallbacks,
        cast(questioned.steps as bigint) as steps,
        cast(questioned.cache_replays as bigint) as cache_replays,
        {%- for token_class in priced_token_classes() + ['reasoning'] %}
        cast(questioned.{{ token_class }}_tokens as bigint) as {{ token_class }}_tokens,
        {%- endfor %}
        cast(questioned.model_inference_cost_usd as numeric(38, 12))
            as model_inference_cost_usd,
        {%- for dimension in [
            'supporting_infrastructure', 'ai_tooling', 'human_effort',
            'compliance_risk', 'platform_operations',
        ] %}
        cast(0 as numeric(38, 12)) as {{ dimension }}_cost_usd,
        {%- endfor %}
        cast(questioned.model_inference_cost_usd as numeric(38, 12)) as total_cost_usd,
        cast(questioned.retry_cost_usd as numeric(38, 12)) as retry_cost_usd,
        cast(questioned.unpriced_exposure_usd as numeric(38, 12))
            as unpriced_exposure_usd,
        cast(questioned.quality_score as numeric(9, 6)) as quality_score,
        cast(
            case when questioned.has_owner then 1 else 0 end
            + case when questioned.has_price then 1 else 0 end
            + case when questioned.has_demand then 1 else 0 end
            + case when questioned.is_compliant is not null then 1 else 0 end
            + case when questioned.has_outcome then 1 else 0 end as bigint
        ) as legibility_score,
        cast(
            {{ dbt.datediff(
                'questioned.started_at', 'questioned.ended_at', 'millisecond'
            ) }}
            * cast(0.001 as decimal(4, 3)) as numeric(18, 3)
        ) as duration_seconds,
        -- booleans
        case
            when questioned.is_blocked then false
            when
                questioned.success_basis = 'business'
                then questioned.is_outcome_successful
            else questioned.is_technically_successful
        end as is_successful,
        questioned.is_compliant,
        questioned.has_owner,
        questioned.has_price,
        questioned.has_demand,
        questioned.is_compliant is not null as has_result,
        questioned.has_outcome,
        -- dates
        questioned.interaction_date,
        -- timestamps
        questioned.started_at,
        questioned.ended_at,
        -- lineage
        interaction_days.inputs_version
    from questioned
    inner join interaction_days
        on questioned.interaction_date = interaction_days.interaction_date

)

select * from final
