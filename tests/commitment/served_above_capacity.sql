{{ config(severity='warn') }}

-- More was served than the throughput of the units allows: it is entered too low, and
-- every rate of the pool is too high.
select
    pool_id,
    capacity_hour,
    over_capacity_units
from {{ ref('fct_capacity_hours') }}
where over_capacity_units > 0
