with

posting_periods as (
    select * from {{ ref('int_posting_periods') }}
),

cost_centers as (
    {{ known_rows(ref('cost_centers'), ['cost_center_id']) }}
),

ownership as (
    select
        ownership.application_id,
        ownership.party_id,
        ownership.share,
        ownership.valid_from_at,
        ownership.valid_until_at,
        ownership.recorded_at,
        posting_periods.posting_month as known_month
    from {{ ref('ownership') }} as ownership
    inner join posting_periods
        on
            ownership.recorded_at > posting_periods.known_after_at
            and ownership.recorded_at <= posting_periods.known_until_at
    where
        ownership.party_role = 'cost_center'
        and {{ is_known('ownership.recorded_at') }}
),

-- Where an application's ownership, or the life of a cost center that owns it, starts
-- or ends.
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

knowledge as (

    select
        application_id,
        known_month as known_from_month,
        coalesce(
            lead(known_month) over (partition by application_id order by known_month),
            cast('9999-12-01' as date)
        ) as known_until_month
    from ownership
    group by application_id, known_month

),

-- Of the rows known by then, those recorded last hold: shares of one decision are
-- recorded together.
known_owners as (

    select
        segments.application_id,
        segments.valid_from_at,
        segments.valid_until_at,
        knowledge.known_from_month,
        knowledge.known_until_month,
        ownership.party_id,
        ownership.share
    from segments
    inner join knowledge
        on segments.application_id = knowledge.application_id
    inner join ownership
        on
            segments.application_id = ownership.application_id
            and segments.valid_from_at >= ownership.valid_from_at
            and segments.valid_from_at < ownership.valid_until_at
            and knowledge.known_from_month >= ownership.known_month
    qualify ownership.recorded_at = max(ownership.recorded_at) over (
        partition by
            segments.application_id,
            segments.valid_from_at,
            knowledge.known_from_month
    )

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
