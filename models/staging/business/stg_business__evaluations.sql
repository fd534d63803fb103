with

source as (
    {{ raw_rows('business', 'evaluations') }}
),

renamed as (

    select
        evaluation_id,
        interaction_id,
        metric_name,
        coalesce(sample_design, 'random') as sample_design,
        evaluator_type,
        score,
        score_minimum,
        score_maximum,
        coalesce(sampling_weight, 1) as sampling_weight,
        evaluated_at,
        coalesce(_loaded_at, evaluated_at) as ingested_at
    from source

)

select * from renamed
