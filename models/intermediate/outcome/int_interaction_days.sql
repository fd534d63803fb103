{{ config(materialized='table') }}

with

attempts as (
    select
        attempt_id,
        attempt_date,
        interaction_date,
        inputs_version
    from {{ ref('fct_attempts') }}
),

evidence as (
    select * from {{ ref('int_interaction_evidence') }}
),

built_from as (

    select
        interaction_date,
        attempt_date,
        inputs_version,
        count(*) as attempts
    from attempts
    group by interaction_date, attempt_date, inputs_version

),

-- Attempts that belong to another date than their own are named one by one: their date
-- also hangs on attempts elsewhere.
moved as (

    select
        interaction_date as touched_date,
        attempt_id
    from attempts
    where interaction_date <> attempt_date
    union all
    select
        attempt_date as touched_date,
        attempt_id
    from attempts
    where interaction_date <> attempt_date

),

moved_sums as (

    select
        touched_date,
        sum(cast({{ record_fingerprint(['attempt_id']) }} as decimal(38, 0)))
            as moved_sum
    from moved
    group by touched_date

),

-- Outcomes, scores and checks arrive long after the calls.
evidence_sums as (

    select
        interaction_date,
        sum(cast({{ record_fingerprint([
            'interaction_id', 'checks', 'open_violations',
            'is_blocked_after_generation', 'quality_score', 'outcome_id',
            'is_outcome_successful',
        ]) }} as decimal(38, 0))) as evidence_sum
    from evidence
    group by interaction_date

),

version_sums as (

    select
        interaction_date,
        sum(cast({{ record_fingerprint([
            'attempt_date', 'inputs_version', 'attempts',
        ]) }} as decimal(38, 0))) as version_sum
    from built_from
    group by interaction_date

),

final as (

    select
        version_sums.interaction_date,
        {{ dbt.hash(
            "cast(version_sums.version_sum as varchar)"
            ~ " || '|' || cast(coalesce(moved_sums.moved_sum, 0) as varchar)"
            ~ " || '|' || cast(coalesce(evidence_sums.evidence_sum, 0) as varchar)"
        ) }} as inputs_version
    from version_sums
    left join moved_sums
        on version_sums.interaction_date = moved_sums.touched_date
    left join evidence_sums
        on version_sums.interaction_date = evidence_sums.interaction_date

)

select * from final
