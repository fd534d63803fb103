with

cost_centers as (
    {{ latest_rows(ref('cost_centers'), 'cost_center_id') }}
),

-- Members that stand for missing knowledge, where the company does
-- not name them itself.
members as (

    select
        'UNOWNED' as cost_center_id,
        'Use without an owner' as cost_center_name
    union all
    select
        'UNATTRIBUTED' as cost_center_id,
        'Invoice money without a known user' as cost_center_name
    union all
    select
        'UNALLOCATED' as cost_center_id,
        'Shared or missing money' as cost_center_name

),

ids as (

    select cost_center_id from cost_centers
    union distinct
    select cost_center_id from members

),

final as (

    select
        ids.cost_center_id,
        coalesce(cost_centers.cost_center_name, members.cost_center_name)
            as cost_center_name,
        cost_centers.parent_cost_center_id,
        cost_centers.business_unit_id,
        cost_centers.ledger_code,
        cost_centers.successor_cost_center_id,
        coalesce(cost_centers.valid_from_at, cast('1900-01-01' as timestamp))
            as valid_from_at,
        coalesce(cost_centers.valid_until_at, cast('9999-12-31' as timestamp))
            as valid_until_at,
        members.cost_center_id is null as is_real
    from ids
    left join cost_centers
        on ids.cost_center_id = cost_centers.cost_center_id
    left join members
        on ids.cost_center_id = members.cost_center_id

)

select * from final
