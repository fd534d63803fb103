-- Money is born at the attempt and only added up afterwards: attempts
-- = interactions = days.
with

attempts as (
    select coalesce(sum(effective_cost_usd), 0) as cost_usd
    from {{ ref('fct_attempts') }}
),

interactions as (
    select coalesce(sum(model_inference_cost_usd), 0) as cost_usd
    from {{ ref('fct_interactions') }}
),

days as (
    select coalesce(sum(model_inference_cost_usd), 0) as cost_usd
    from {{ ref('rpt_cost_per_interaction_daily') }}
)

select
    attempts.cost_usd as attempts_usd,
    interactions.cost_usd as interactions_usd,
    days.cost_usd as days_usd
from attempts
cross join interactions
cross join days
where
    attempts.cost_usd <> interactions.cost_usd
    or attempts.cost_usd <> days.cost_usd
