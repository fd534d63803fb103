with

policy_events as (
    select * from {{ ref('stg_business__policy_events') }}
    where {{ is_known('ingested_at') }}
),

-- A violation counts until it is resolved, from the severity that matters upwards.
final as (

    select
        interaction_id,
        count(*) as checks,
        sum(
            case
                when
                    check_result = 'violation'
                    and not is_resolved
                    and severity in ('medium', 'high', 'critical')
                    then 1
                else 0
            end
        ) as open_violations,
        sum(case when check_result = 'violation' then 1 else 0 end) as violations,
        max(case when action_taken = 'blocked_after_generation' then 1 else 0 end) = 1
            as is_blocked_after_generation
    from policy_events
    group by interaction_id

)

select * from final
