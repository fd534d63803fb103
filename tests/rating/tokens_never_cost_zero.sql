-- A billable call with tokens at cost 0 is a lost price, unless its
-- prices are marked free.
select
    attempt_id,
    model_id,
    pricing_mode
from {{ ref('fct_attempts') }}
where
    billing_status = 'billable'
    and contracted_cost_usd = 0
    and pricing_mode not in ('free_tier', 'self_hosted')
    and input_uncached_tokens + cache_read_tokens + output_tokens > 0
