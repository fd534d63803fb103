with

ownership as (
    {{ known_rows(ref('ownership'), ['application_id', 'party_role', 'party_id']) }}
),

final as (

    select
        application_id,
        party_role,
        party_id,
        cast(share as numeric(9, 6)) as share,
        valid_from_at,
        valid_until_at,
        recorded_at
    from ownership

)

select * from final
