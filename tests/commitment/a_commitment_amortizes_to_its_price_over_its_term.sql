-- The hours of a term cost the price of the commitment, to the last decimal.
with

amortized as (

    select
        commitment_id,
        term_start_at,
        known_from_at,
        max(total_price_usd) as total_price_usd,
        sum(capacity_cost_usd) as amortized_usd
    from {{ ref('int_commitment_hours') }}
    where is_hourly_capacity
    group by commitment_id, term_start_at, known_from_at

),

final as (

    select *
    from amortized
    where amortized_usd <> total_price_usd

)

select * from final
