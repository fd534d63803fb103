-- Mirrored pair: no cost-bearing attempt without its interaction, no
-- interaction without attempts.
with

attempts as (
    select
        interaction_id,
        count(*) as attempts
    from {{ ref('fct_attempts') }}
    where is_cost_bearing
    group by interaction_id
),

interactions as (
    select
        interaction_id,
        attempts
    from {{ ref('fct_interactions') }}
)

select
    coalesce(attempts.interaction_id, interactions.interaction_id) as interaction_id,
    attempts.attempts as attempts_counted,
    interactions.attempts as attempts_published
from attempts
full outer join interactions
    on attempts.interaction_id = interactions.interaction_id
where
    attempts.attempts is null
    or interactions.attempts is null
    or attempts.attempts <> interactions.attempts
