{{ config(materialized='table') }}

with

commitments as (
    select * from {{ ref('commitments') }}
    where {{ is_known('recorded_at') }}
),

billing_accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

versions as (

    select
        *,
        lead(recorded_at) over (
            partition by commitment_id, valid_from_at order by recorded_at
        ) as replaced_at,
        min(valid_from_at) over (partition by commitment_id, term_start_at)
            as first_valid_from_at
    from commitments

),

-- A version speaks for its validity within the term; the first one of a term also for
-- what came before it was written down.
final as (

    select
        versions.*,
        coalesce(billing_accounts.billing_time_zone, 'UTC') as billing_time_zone,
        versions.commitment_type
        in ('provisioned_units', 'self_hosted_gpu') as is_hourly_capacity,
        case
            when versions.valid_from_at = versions.first_valid_from_at
                then versions.term_start_at
            else greatest(versions.term_start_at, versions.valid_from_at)
        end as serves_from_at,
        least(versions.term_end_at, versions.valid_until_at) as serves_until_at,
        versions.recorded_at as known_from_at,
        coalesce(versions.replaced_at, cast('9999-12-31' as timestamp))
            as known_until_at,
        versions.replaced_at is null as is_in_force
    from versions
    left join billing_accounts
        on versions.billing_account_id = billing_accounts.billing_account_id

)

select * from final
