with

steps as (

    select
        interaction_id,
        interaction_date,
        step_id,
        count(*) as attempts
    from {{ ref('fct_attempts') }}
    where
        is_cost_bearing
        and step_id is not null
    group by interaction_id, interaction_date, step_id
    having count(*) > 1

),

final as (

    select
        interaction_id,
        interaction_date,
        cast(sum(attempts - 1) as bigint) as repeats
    from steps
    group by interaction_id, interaction_date

)

select * from final
