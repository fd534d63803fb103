-- The dates of a term, and its hours where one version speaks for all of them, cost the
-- price of the commitment, to the last decimal.
with

by_date as (

    select
        commitment_id,
        valid_from_at,
        known_from_at,
        max(total_price_usd) as total_price_usd,
        max(term_hours) as term_hours,
        sum(
            date_spread_usd
            + coalesce(unit_price_usd_per_hour, 0) * quantity * hours_of_date
        ) as amortized_usd
    from {{ ref('int_commitment_days') }}
    group by commitment_id, valid_from_at, known_from_at

),

by_hour as (

    select
        commitment_id,
        valid_from_at,
        known_from_at,
        count(*) as hours,
        sum(capacity_cost_usd) as amortized_usd
    from {{ ref('int_commitment_hours') }}
    where is_hourly_capacity
    group by commitment_id, valid_from_at, known_from_at

),

final as (

    select
        by_date.*,
        by_hour.amortized_usd as amortized_by_hour_usd
    from by_date
    left join by_hour
        on
            by_date.commitment_id = by_hour.commitment_id
            and by_date.valid_from_at = by_hour.valid_from_at
            and by_date.known_from_at = by_hour.known_from_at
            and by_date.term_hours = by_hour.hours
    where
        by_date.amortized_usd <> by_date.total_price_usd
        or by_hour.amortized_usd <> by_date.total_price_usd

)

select * from final
