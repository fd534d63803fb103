with

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where commitment_type = 'spend_commitment'
),

deployments as (
    {{ split_list('commitments', 'deployment_ids', 'eligible_deployment_id') }}
),

attempts as (
    select * from {{ ref('int_capacity_attempts') }}
),

-- One row per commitment version, deployment and attempt at most: a deployment stands
-- in a list once, and '*' stands alone.
final as (

    select
        deployments.commitment_id,
        deployments.term_start_at,
        deployments.known_from_at,
        attempts.billing_month,
        greatest(attempts.known_month, attempts.billing_month) as known_month,
        attempts.cost_center_id,
        cast(sum(coalesce(attempts.contracted_cost_usd, 0)) as numeric(38, 12))
            as eligible_usd
    from deployments
    inner join attempts
        on
            deployments.billing_account_id = attempts.billing_account_id
            and deployments.term_start_at <= attempts.started_at
            and deployments.term_end_at > attempts.started_at
            and (
                deployments.eligible_deployment_id = '*'
                or deployments.eligible_deployment_id = attempts.deployment_id
            )
    where
        attempts.pricing_mode <> 'committed'
        and attempts.billing_status = 'billable'
    group by
        deployments.commitment_id,
        deployments.term_start_at,
        deployments.known_from_at,
        attempts.billing_month,
        greatest(attempts.known_month, attempts.billing_month),
        attempts.cost_center_id

)

select * from final
