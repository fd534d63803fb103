{{ config(materialized='table') }}

with

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where
        is_in_force
        and commitment_type <> 'spend_commitment'
        and serves_from_at < serves_until_at
),

-- Where what a commitment says can change.
commitment_instants as (

    select
        commitment_id,
        serves_from_at as starts_at
    from commitments
    union distinct
    select
        commitment_id,
        serves_until_at as starts_at
    from commitments

),

commitment_segments as (

    select
        commitment_id,
        starts_at,
        lead(starts_at) over (partition by commitment_id order by starts_at) as ends_at
    from commitment_instants

),

-- Of two versions that speak for one segment the one recorded later holds.
versions as (

    select
        commitments.commitment_id,
        commitments.provider_id,
        commitments.pool_id,
        commitments.billing_account_id,
        commitments.deployment_ids,
        commitment_segments.starts_at,
        commitment_segments.ends_at
    from commitment_segments
    inner join commitments
        on
            commitment_segments.commitment_id = commitments.commitment_id
            and commitment_segments.starts_at >= commitments.serves_from_at
            and commitment_segments.starts_at < commitments.serves_until_at
    qualify row_number() over (
        partition by commitment_segments.commitment_id, commitment_segments.starts_at
        order by commitments.recorded_at desc, commitments.valid_from_at desc
    ) = 1

),

deployments as (
    {{ split_list('versions', 'deployment_ids', 'deployment_id') }}
),

instants as (

    select
        provider_id,
        deployment_id,
        starts_at
    from deployments
    union distinct
    select
        provider_id,
        deployment_id,
        ends_at as starts_at
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
            and segments.valid_from_at >= deployments.starts_at
            and segments.valid_from_at < deployments.ends_at
    group by
        segments.provider_id,
        segments.deployment_id,
        deployments.pool_id,
        segments.valid_from_at,
        segments.valid_until_at

)

select * from final
