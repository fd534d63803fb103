{{ config(materialized='table') }}

with

billing_accounts as (
    {{ known_rows(ref('billing_accounts'), ['billing_account_id']) }}
),

pool_deployments as (
    select * from {{ ref('int_pool_deployments') }}
),

account_deployments as (
    {{ split_list('billing_accounts', 'deployment_ids', 'deployment_id') }}
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
        valid_from_at,
        valid_until_at
    from pool_deployments

)

select * from final
