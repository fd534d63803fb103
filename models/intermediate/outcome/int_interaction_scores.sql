with

evaluations as (
    select * from {{ ref('stg_business__evaluations') }}
    where {{ is_known('ingested_at') }}
),

-- Triggered samples look at what already seemed wrong, so they say
-- nothing about the rest.
normalized as (

    select
        interaction_id,
        {{ safe_ratio('score - score_minimum', 'score_maximum - score_minimum') }}
            as score_ratio
    from evaluations
    where
        sample_design in ('census', 'random', 'stratified')
        and score between score_minimum and score_maximum

),

totals as (

    select
        interaction_id,
        sum(score_ratio) as score_sum,
        count(*) as scores
    from normalized
    group by interaction_id

),

final as (

    select
        interaction_id,
        cast({{ safe_ratio('score_sum', 'scores') }} as numeric(9, 6)) as quality_score
    from totals

)

select * from final
