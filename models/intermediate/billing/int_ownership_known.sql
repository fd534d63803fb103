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
final as (

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

)

select * from final
