with

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where
        is_in_force
        and commitment_type <> 'spend_commitment'
),

deployments as (
    {{ split_list('commitments', 'deployment_ids', 'deployment_id') }}
),

instants as (

    select
        provider_id,
        deployment_id,
        term_start_at as starts_at
    from deployments
    union distinct
    select
        provider_id,
        deployment_id,
        term_end_at as starts_at
    from deployments

),

segments as (

    select
        provider_id,
        deployment_id,
        starts_at as valid_from_at,
        lead(starts_at) over (
            partition by provider_id, deployment_id order by starts_at
        ) as valid_until_at
    from instants

),

-- Commitments stacked in one pool leave one row, so that no attempt is joined twice.
final as (

    select
        segments.provider_id,
        segments.deployment_id,
        deployments.pool_id,
        max(deployments.billing_account_id) as billing_account_id,
        segments.valid_from_at,
        segments.valid_until_at
    from segments
    inner join deployments
        on
            segments.provider_id = deployments.provider_id
            and segments.deployment_id = deployments.deployment_id
            and segments.valid_from_at >= deployments.term_start_at
            and segments.valid_from_at < deployments.term_end_at
    group by
        segments.provider_id,
        segments.deployment_id,
        deployments.pool_id,
        segments.valid_from_at,
        segments.valid_until_at

)

select * from final
