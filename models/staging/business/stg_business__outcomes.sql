with

source as (
    {{ raw_rows('business', 'outcomes') }}
),

renamed as (

    select
        outcome_id,
        coalesce(version_no, 1) as version_no,
        event_type,
        outcome_type,
        application_id,
        nullif(trim(case_key), '') as case_key,
        run_id,
        value_usd,
        value_low_usd,
        value_high_usd,
        baseline_value_usd,
        value_method,
        value_confidence,
        coalesce(is_successful, true) as is_successful,
        occurred_at,
        coalesce(_loaded_at, occurred_at) as ingested_at
    from source

)

select * from renamed
