-- Fails when the estimated cost of attempts without a price exceeds
-- its share of all cost.
with

attempts as (
    select
        sum(effective_cost_usd) as known_cost_usd,
        sum(unpriced_exposure_usd) as exposure_usd
    from {{ ref('fct_attempts') }}
)

select *
from attempts
where
    coalesce(exposure_usd, 0)
    > (coalesce(known_cost_usd, 0) + coalesce(exposure_usd, 0))
    * {{ var('unpriced_limit_ratio') }}
