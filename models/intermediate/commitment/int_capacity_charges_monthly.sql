select
    cast(null as varchar) as pool_id,
    cast(null as varchar) as commitment_id,
    cast(null as date) as billing_month,
    cast(null as date) as known_month,
    cast(null as varchar) as application_id,
    cast(null as varchar) as cost_center_id,
    cast(null as varchar) as charge_type,
    cast(null as decimal(38, 12)) as amount_usd
from {{ ref('fct_attempts') }}
where 1 = 0
