with

-- Most interactions call one model. Only the others need their models compared.
mixed_interactions as (
    select interaction_id
    from {{ ref('fct_attempts') }}
    where is_cost_bearing
    group by interaction_id
    having min(model_id) <> max(model_id)
),

attempts as (
    select
        interaction_id,
        interaction_date,
        model_id,
        effective_cost_usd,
        started_at
    from {{ ref('fct_attempts') }}
    where is_cost_bearing
),

model_costs as (

    select
        attempts.interaction_id,
        attempts.interaction_date,
        attempts.model_id,
        sum(coalesce(attempts.effective_cost_usd, 0)) as model_cost_usd,
        max(attempts.started_at) as last_started_at
    from attempts
    inner join mixed_interactions
        on attempts.interaction_id = mixed_interactions.interaction_id
    group by attempts.interaction_id, attempts.interaction_date, attempts.model_id

),

-- Of equally costly models the one that was called last names the interaction.
final as (

    select
        interaction_id,
        interaction_date,
        model_id
    from model_costs
    qualify row_number() over (
        partition by interaction_id, interaction_date
        order by model_cost_usd desc, last_started_at desc, model_id asc
    ) = 1

)

select * from final
