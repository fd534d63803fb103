{{ config(severity='warn') }}
-- Warns about unpriced attempts even when nothing is known of their
-- size: a model nobody knows.
select
    provider_id,
    model_id,
    pricing_mode,
    unpriced_reason,
    count(*) as attempts
from {{ ref('fct_attempts') }}
where unpriced_reason is not null
group by provider_id, model_id, pricing_mode, unpriced_reason
