{{ config(materialized='table') }}

with

ownership as (
    {{ known_rows(ref('ownership'), ['application_id', 'party_role', 'party_id']) }}
),

cost_centers as (
    {{ known_rows(ref('cost_centers'), ['cost_center_id']) }}
),

-- Where an application's ownership, or the life of a cost center that
-- owns it, starts or ends.
instants as (

    select
        application_id,
        valid_from_at as starts_at
    from ownership
    union distinct
    select
        application_id,
        valid_until_at as starts_at
    from ownership
    union distinct
    select
        ownership.application_id,
        cost_centers.valid_until_at as starts_at
    from ownership
    inner join cost_centers
        on
            ownership.party_id = cost_centers.cost_center_id
            and ownership.valid_from_at < cost_centers.valid_until_at
            and ownership.valid_until_at > cost_centers.valid_until_at

),

segments as (

    select
        application_id,
        starts_at as valid_from_at,
        coalesce(
            lead(starts_at) over (partition by application_id order by starts_at),
            cast('9999-12-31' as timestamp)
        ) as valid_until_at
    from instants
    where starts_at < cast('9999-12-31' as timestamp)

),

-- The party with the largest share stands for the application; shares
-- split the ledger later.
leading_parties as (

    select
        segments.application_id,
        segments.valid_from_at,
        segments.valid_until_at,
        ownership.party_role,
        ownership.party_id
    from segments
    inner join ownership
        on
            segments.application_id = ownership.application_id
            and segments.valid_from_at >= ownership.valid_from_at
            and segments.valid_from_at < ownership.valid_until_at
    qualify row_number() over (
        partition by
            segments.application_id, segments.valid_from_at, ownership.party_role
        order by
            ownership.recorded_at desc, ownership.share desc, ownership.party_id asc
    ) = 1

),

by_role as (

    select
        application_id,
        valid_from_at,
        valid_until_at,
        max(case when party_role = 'cost_center' then party_id end) as cost_center_id,
        max(case when party_role = 'business_unit' then party_id end)
            as business_unit_id,
        max(case when party_role = 'product_owner' then party_id end)
            as product_owner_id,
        max(case when party_role = 'contributing_team' then party_id end)
            as contributing_team_id,
        max(case when party_role = 'platform_team' then party_id end)
            as platform_team_id
    from leading_parties
    group by application_id, valid_from_at, valid_until_at

),

-- A closed cost center hands over to its successor; without one the
-- money is unallocated.
final as (

    select
        by_role.application_id,
        by_role.valid_from_at,
        by_role.valid_until_at,
        case
            when by_role.cost_center_id is null then 'UNOWNED'
            when by_role.valid_from_at >= cost_centers.valid_until_at
                then coalesce(cost_centers.successor_cost_center_id, 'UNALLOCATED')
            when cost_centers.cost_center_id is null then 'UNALLOCATED'
            else by_role.cost_center_id
        end as cost_center_id,
        coalesce(by_role.business_unit_id, cost_centers.business_unit_id, 'UNOWNED')
            as business_unit_id,
        by_role.product_owner_id,
        by_role.contributing_team_id,
        by_role.platform_team_id
    from by_role
    left join cost_centers
        on by_role.cost_center_id = cost_centers.cost_center_id
    qualify row_number() over (
        partition by by_role.application_id, by_role.valid_from_at
        order by
            case
                when
                    by_role.valid_from_at >= cost_centers.valid_from_at
                    and by_role.valid_from_at < cost_centers.valid_until_at
                    then 1
                else 2
            end,
            cost_centers.valid_from_at desc
    ) = 1

)

select * from final
