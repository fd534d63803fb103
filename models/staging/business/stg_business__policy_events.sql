with

source as (
    {{ raw_rows('business', 'policy_events') }}
),

renamed as (

    select
        event_id,
        interaction_id,
        policy_id,
        check_result,
        coalesce(severity, 'none') as severity,
        coalesce(action_taken, 'none') as action_taken,
        coalesce(is_resolved, false) as is_resolved,
        occurred_at,
        coalesce(_loaded_at, occurred_at) as ingested_at
    from source

)

select * from renamed
