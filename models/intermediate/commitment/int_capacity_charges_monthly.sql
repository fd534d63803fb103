{{ config(materialized='table') }}

with

parts as (
    select * from {{ ref('int_capacity_charges_split') }}
),

months as (
    select * from {{ ref('int_capacity_months_known') }}
),

idle as (
    select * from {{ ref('int_capacity_idle_monthly') }}
),

bearers as (

    select
        pool_id,
        commitment_id,
        billing_month,
        application_id,
        cost_center_id,
        charge_type
    from parts
    group by
        pool_id,
        commitment_id,
        billing_month,
        application_id,
        cost_center_id,
        charge_type

),

known_months as (

    select
        pool_id,
        billing_month,
        known_month,
        max(allocation_rule_id) as allocation_rule_id,
        max(allocation_rule_version_no) as allocation_rule_version_no
    from idle
    group by pool_id, billing_month, known_month
    union all
    -- A month of knowledge that no longer knows any capacity.
    select
        months.pool_id,
        months.billing_month,
        months.known_month,
        cast(null as varchar) as allocation_rule_id,
        cast(null as bigint) as allocation_rule_version_no
    from months
    left join idle
        on
            months.pool_id = idle.pool_id
            and months.billing_month = idle.billing_month
            and months.known_month = idle.known_month
    where idle.pool_id is null

),

-- A bearer that a month of knowledge no longer knows has a row with 0, so that two
-- months of knowledge can be subtracted row by row.
final as (

    select
        bearers.pool_id,
        bearers.commitment_id,
        bearers.billing_month,
        known_months.known_month,
        bearers.application_id,
        bearers.cost_center_id,
        bearers.charge_type,
        known_months.allocation_rule_id,
        known_months.allocation_rule_version_no,
        cast(coalesce(parts.amount_usd, 0) as numeric(38, 12)) as amount_usd
    from bearers
    inner join known_months
        on
            bearers.pool_id = known_months.pool_id
            and bearers.billing_month = known_months.billing_month
    left join parts
        on
            bearers.pool_id = parts.pool_id
            and bearers.billing_month = parts.billing_month
            and known_months.known_month = parts.known_month
            and bearers.charge_type = parts.charge_type
            and bearers.cost_center_id = parts.cost_center_id
            and coalesce(bearers.application_id, '')
            = coalesce(parts.application_id, '')
            and coalesce(bearers.commitment_id, '') = coalesce(parts.commitment_id, '')

)

select * from final
