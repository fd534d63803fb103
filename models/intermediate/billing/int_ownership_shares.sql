{{ config(materialized='table') }}

with

known_owners as (
    select * from {{ ref('int_ownership_known') }}
),

cost_centers as (
    {{ known_rows(ref('cost_centers'), ['cost_center_id']) }}
),

-- A closed cost center hands over to its successor; without one the money is
-- unallocated.
shares as (

    select
        known_owners.application_id,
        known_owners.party_id as registered_cost_center_id,
        case
            when
                cost_centers.cost_center_id is null
                or (
                    known_owners.valid_from_at >= cost_centers.valid_until_at
                    and cost_centers.successor_cost_center_id is null
                )
                then 'UNALLOCATED'
            when known_owners.valid_from_at >= cost_centers.valid_until_at
                then cost_centers.successor_cost_center_id
            else known_owners.party_id
        end as cost_center_id,
        cast(known_owners.share * 1000000 as bigint) as share_millionths,
        known_owners.valid_from_at,
        known_owners.valid_until_at,
        known_owners.known_from_month,
        known_owners.known_until_month
    from known_owners
    left join cost_centers
        on known_owners.party_id = cost_centers.cost_center_id
    qualify row_number() over (
        partition by
            known_owners.application_id,
            known_owners.party_id,
            known_owners.valid_from_at,
            known_owners.known_from_month
        order by
            case
                when
                    known_owners.valid_from_at >= cost_centers.valid_from_at
                    and known_owners.valid_from_at < cost_centers.valid_until_at
                    then 1
                else 2
            end,
            cost_centers.valid_from_at desc
    ) = 1

),

-- Shares below 1 leave a rest that nobody stands up for.
unshared as (

    select
        application_id,
        'UNALLOCATED' as registered_cost_center_id,
        'UNALLOCATED' as cost_center_id,
        1000000 - cast(sum(share_millionths) as bigint) as share_millionths,
        valid_from_at,
        valid_until_at,
        known_from_month,
        known_until_month
    from shares
    group by
        application_id,
        valid_from_at,
        valid_until_at,
        known_from_month,
        known_until_month
    having sum(share_millionths) < 1000000

),

final as (

    select * from shares
    union all
    select * from unshared

)

select * from final
