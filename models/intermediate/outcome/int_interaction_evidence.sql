{{ config(materialized='table') }}

with

attempts as (
    select
        interaction_id,
        interaction_date,
        application_id,
        case_key
    from {{ ref('fct_attempts') }}
    where
        is_cost_bearing
        -- Without business events there is nothing to look for.
        and {{ "1 = 1" if 'business' in var('sources') else "1 = 0" }}
),

applications as (
    {{ latest_rows(ref('applications'), 'application_id') }}
),

checks as (
    select * from {{ ref('int_interaction_checks') }}
),

scores as (
    select * from {{ ref('int_interaction_scores') }}
),

case_outcomes as (
    select * from {{ ref('int_case_outcomes') }}
),

interactions as (

    select
        interaction_id,
        interaction_date,
        min(application_id) as application_id,
        max(case_key) as case_key
    from attempts
    group by interaction_id, interaction_date

),

-- One row per interaction about which some business event says something.
final as (

    select
        interactions.interaction_id,
        interactions.interaction_date,
        coalesce(checks.checks, 0) as checks,
        coalesce(checks.open_violations, 0) as open_violations,
        coalesce(checks.is_blocked_after_generation, false)
            as is_blocked_after_generation,
        scores.quality_score,
        case_outcomes.outcome_id,
        coalesce(case_outcomes.is_successful, false) as is_outcome_successful
    from interactions
    left join applications
        on interactions.application_id = applications.application_id
    left join checks
        on interactions.interaction_id = checks.interaction_id
    left join scores
        on interactions.interaction_id = scores.interaction_id
    left join case_outcomes
        on
            applications.outcome_type = case_outcomes.outcome_type
            and interactions.case_key = case_outcomes.case_key
    where
        checks.interaction_id is not null
        or scores.interaction_id is not null
        or case_outcomes.case_key is not null

)

select * from final
