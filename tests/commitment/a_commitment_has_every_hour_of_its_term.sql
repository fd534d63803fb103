-- A term without its hours would be capacity that nobody pays for.
with

hours as (

    select
        commitment_id,
        term_start_at,
        known_from_at,
        count(*) as hours
    from {{ ref('int_commitment_hours') }}
    group by commitment_id, term_start_at, known_from_at

),

final as (

    select
        commitments.commitment_id,
        commitments.term_start_at,
        hours.hours
    from {{ ref('int_commitments_known') }} as commitments
    left join hours
        on
            commitments.commitment_id = hours.commitment_id
            and commitments.term_start_at = hours.term_start_at
            and commitments.known_from_at = hours.known_from_at
    where
        commitments.commitment_type <> 'spend_commitment'
        and coalesce(hours.hours, 0) <> {{ dbt.datediff(
            'commitments.term_start_at', 'commitments.term_end_at', 'hour'
        ) }}

)

select * from final
