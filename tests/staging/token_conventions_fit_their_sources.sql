-- Fails when too many rows of a source end up with more cached tokens than prompt: its
-- row in token_conventions is then probably wrong.
with

requests as (
    select
        source_name,
        count(*) as payloads,
        sum(case when quarantine_reason = 'TOKEN_NEGATIVE_NET' then 1 else 0 end)
            as contradictions
    from {{ ref('int_requests_resolved') }}
    group by source_name
)

select *
from requests
where contradictions > payloads * {{ var('token_convention_limit_ratio') }}
