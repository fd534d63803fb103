-- The mart holds the money of every line that counts, in billing currency and in USD.
with

counting as (

    select
        source_name,
        count(*) as counting_rows,
        sum(payable_cost) as counting_cost,
        sum(billed_cost_usd) as counting_cost_usd
    from {{ ref('int_invoice_lines_identified') }}
    where line_status = 'final'
    group by source_name

),

published as (

    select
        source_name,
        count(*) as published_rows,
        sum(billed_cost) as published_cost,
        sum(billed_cost_usd) as published_cost_usd
    from {{ ref('fct_invoice_lines') }}
    group by source_name

)

select
    counting.*,
    published.published_rows,
    published.published_cost,
    published.published_cost_usd
from counting
full outer join published
    on counting.source_name = published.source_name
where
    coalesce(counting.counting_rows, 0) <> coalesce(published.published_rows, 0)
    or coalesce(counting.counting_cost, 0) <> coalesce(published.published_cost, 0)
    or coalesce(counting.counting_cost_usd, 0)
    <> coalesce(published.published_cost_usd, 0)
