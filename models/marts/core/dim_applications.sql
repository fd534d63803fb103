with

applications as (
    {{ latest_rows(ref('applications'), 'application_id') }}
),

logged as (
    select distinct application_id
    from {{ ref('fct_attempts') }}
),

ids as (

    select application_id from applications
    union distinct
    select application_id from logged
    union distinct
    select 'UNREGISTERED' as application_id

),

final as (

    select
        ids.application_id,
        coalesce(
            applications.application_name,
            case when ids.application_id = 'UNREGISTERED' then 'Unregistered' end,
            ids.application_id
        ) as application_name,
        applications.interaction_type,
        applications.outcome_type,
        applications.case_tag,
        cast(applications.success_target_ratio as numeric(9, 6))
            as success_target_ratio,
        applications.application_id is not null as is_registered
    from ids
    left join applications
        on ids.application_id = applications.application_id

)

select * from final
