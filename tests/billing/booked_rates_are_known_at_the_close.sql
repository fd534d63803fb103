-- A rate that is booked after its month's close would change what the closed month
-- posted.
select
    fx_rates.from_currency,
    fx_rates.rate_date,
    fx_rates.recorded_at,
    posting_periods.known_until_at as close_at
from {{ ref('fx_rates') }} as fx_rates
inner join {{ ref('int_posting_periods') }} as posting_periods
    on fx_rates.rate_date = posting_periods.posting_month
where
    fx_rates.rate_type = 'booked'
    and fx_rates.recorded_at > posting_periods.known_until_at
