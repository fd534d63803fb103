with

attempts as (
    select * from {{ ref('int_attempts_rated') }}
    where
        quarantine_reason is null
        and not is_superseded
),

application_owners as (
    select * from {{ ref('int_application_owners') }}
),

cost_centers as (
    {{ known_rows(ref('cost_centers'), ['cost_center_id']) }}
),

components as (
    {{ known_rows(ref('components'), ['component_id']) }}
),

committed_deployments as (
    select distinct
        provider_id,
        deployment_id
    from {{ ref('int_pool_deployments') }}
),

billing_days as (
    select * from {{ ref('int_billing_days') }}
),

posting_periods as (
    select * from {{ ref('int_posting_periods') }}
),

-- The registry decides. A tag speaks only for an application that the
-- registry does not know.
final as (

    select
        attempts.*,
        coalesce(
            application_owners.cost_center_id,
            tagged_cost_centers.cost_center_id,
            'UNOWNED'
        ) as cost_center_id,
        coalesce(
            application_owners.business_unit_id,
            tagged_cost_centers.business_unit_id,
            'UNOWNED'
        ) as business_unit_id,
        application_owners.product_owner_id,
        coalesce(
            components.contributing_team_id, application_owners.contributing_team_id
        ) as contributing_team_id,
        application_owners.platform_team_id,
        case
            when application_owners.cost_center_id is not null then 'registry'
            when tagged_cost_centers.cost_center_id is not null then 'tag'
            else 'none'
        end as owner_source,
        coalesce(attempts.cost_center_tag <> application_owners.cost_center_id, false)
            as has_cost_center_conflict,
        -- Outside every term of its commitment a call is bought on demand.
        attempts.pricing_mode = 'on_demand'
        and (
            attempts.commitment_pool_id is not null
            or committed_deployments.deployment_id is not null
        ) as is_outside_commitment,
        coalesce(billing_days.billing_date, attempts.attempt_date) as billing_date,
        coalesce(
            billing_days.billing_month,
            cast({{ dbt.date_trunc('month', 'attempts.attempt_date') }} as date)
        ) as billing_month,
        posting_periods.posting_month as known_month
    from attempts
    left join application_owners
        on
            attempts.application_id = application_owners.application_id
            and attempts.started_at >= application_owners.valid_from_at
            and attempts.started_at < application_owners.valid_until_at
    left join cost_centers as tagged_cost_centers
        on
            not attempts.is_application_registered
            and attempts.cost_center_tag = tagged_cost_centers.cost_center_id
            and attempts.started_at >= tagged_cost_centers.valid_from_at
            and attempts.started_at < tagged_cost_centers.valid_until_at
    left join components
        on
            attempts.component_id = components.component_id
            and attempts.started_at >= components.valid_from_at
            and attempts.started_at < components.valid_until_at
    left join committed_deployments
        on
            attempts.provider_id = committed_deployments.provider_id
            and attempts.deployment_id = committed_deployments.deployment_id
    left join billing_days
        on
            attempts.billing_account_id = billing_days.billing_account_id
            and attempts.attempt_date = billing_days.attempt_date
            and attempts.started_at >= billing_days.starts_at
            and attempts.started_at < billing_days.ends_at
    left join posting_periods
        on
            attempts.ingested_at > posting_periods.known_after_at
            and attempts.ingested_at <= posting_periods.known_until_at

)

select * from final
