with

billing_accounts as (
    {{ known_rows(ref('billing_accounts'), ['billing_account_id']) }}
),

commitments as (
    {{ known_rows(ref('commitments'), ['commitment_id']) }}
),

account_deployments as (
    {{ split_list('billing_accounts', 'deployment_ids', 'deployment_id') }}
),

-- Each version of a commitment speaks for its own part of the term, the first one also
-- for what came before it was written down.
commitment_terms as (

    select
        commitments.*,
        case
            when
                commitments.valid_from_at = min(commitments.valid_from_at)
                    over (partition by commitments.commitment_id)
                then commitments.term_start_at
            else greatest(commitments.term_start_at, commitments.valid_from_at)
        end as serves_from_at,
        least(commitments.term_end_at, commitments.valid_until_at) as serves_until_at
    from commitments

),

pool_deployments as (
    {{ split_list('commitment_terms', 'deployment_ids', 'deployment_id') }}
),

-- What a deployment is billed to, and while a commitment runs, which pool serves it.
final as (

    select
        provider_id,
        deployment_id,
        billing_account_id,
        cast(null as varchar) as pool_id,
        valid_from_at,
        valid_until_at
    from account_deployments

    union all

    select
        provider_id,
        deployment_id,
        billing_account_id,
        pool_id,
        serves_from_at as valid_from_at,
        serves_until_at as valid_until_at
    from pool_deployments
    where serves_from_at < serves_until_at

)

select * from final
