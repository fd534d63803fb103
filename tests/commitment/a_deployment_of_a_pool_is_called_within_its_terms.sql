{{ config(severity='warn') }}

-- Calls of a deployment that some commitment names, outside every term: they are priced
-- on demand, and probably a term has not been entered.
with

deployments as (

    select
        provider_id,
        deployment_id
    from {{ ref('int_pool_deployments') }}
    group by provider_id, deployment_id

),

final as (

    select
        attempts.deployment_id,
        count(*) as attempts,
        min(attempts.started_at) as first_started_at,
        max(attempts.started_at) as last_started_at
    from {{ ref('fct_attempts') }} as attempts
    inner join deployments
        on
            attempts.provider_id = deployments.provider_id
            and attempts.deployment_id = deployments.deployment_id
    where
        attempts.is_cost_bearing
        and attempts.commitment_pool_id is null
    group by attempts.deployment_id

)

select * from final
