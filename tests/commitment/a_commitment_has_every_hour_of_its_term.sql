-- A term without its hours would be capacity that nobody pays for.
with

hours as (

    select
        commitment_id,
        valid_from_at,
        known_from_at,
        count(*) as hours
    from {{ ref('int_commitment_hours') }}
    group by commitment_id, valid_from_at, known_from_at

),

final as (

    select
        commitments.commitment_id,
        commitments.serves_from_at,
        hours.hours
    from {{ ref('int_commitments_known') }} as commitments
    left join hours
        on
            commitments.commitment_id = hours.commitment_id
            and commitments.valid_from_at = hours.valid_from_at
            and commitments.known_from_at = hours.known_from_at
    where
        commitments.commitment_type <> 'spend_commitment'
        and commitments.serves_from_at < commitments.serves_until_at
        and coalesce(hours.hours, 0) <> {{ dbt.datediff(
            'commitments.serves_from_at', 'commitments.serves_until_at', 'hour'
        ) }}

)

select * from final
