with

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where commitment_type <> 'spend_commitment'
),

days as (
    {{ dbt.date_spine(
        'day', "cast('2020-01-01' as date)", "cast('2041-01-01' as date)"
    ) }}
),

-- Dates of the billing time zone: one of 23 or 25 hours costs as many hours.
dates as (

    select
        commitments.*,
        cast(days.date_day as date) as billing_date,
        greatest(
            commitments.term_start_at,
            {{ between_time_zones(
                'cast(days.date_day as timestamp)',
                'commitments.billing_time_zone',
                "'UTC'"
            ) }}
        ) as starts_at,
        least(
            commitments.term_end_at,
            {{ between_time_zones(
                'cast(' ~ dbt.dateadd('day', 1, 'days.date_day') ~ ' as timestamp)',
                'commitments.billing_time_zone',
                "'UTC'"
            ) }}
        ) as ends_at,
        cast(
            {{ dbt.datediff(
                'commitments.term_start_at', 'commitments.term_end_at', 'hour'
            ) }} as bigint
        ) as term_hours
    from commitments
    inner join days
        on
            days.date_day
            >= cast({{ dbt.dateadd('day', -1, 'commitments.term_start_at') }} as date)
            and days.date_day
            <= cast({{ dbt.dateadd('day', 1, 'commitments.term_end_at') }} as date)

),

-- What has no price by the hour is spread straight over the term: an upfront part,
-- or the whole price where no unit price is agreed.
counted as (

    select
        *,
        cast(
            {{ dbt.datediff(
                'starts_at', 'ends_at', 'hour'
            ) }} as bigint
        ) as hours_of_date,
        total_price_usd
        - coalesce(unit_price_usd_per_hour, 0) * quantity * term_hours as spread_usd
    from dates
    where starts_at < ends_at

),

-- Cents in proportion to the hours of the date, rounded down.
shared as (

    select
        *,
        cast(floor(spread_usd * 100) as decimal(38, 0)) as spread_cents,
        {{ whole_quotient(
            'cast(floor(spread_usd * 100) as decimal(38, 0)) * hours_of_date',
            'term_hours'
        ) }} as date_cents,
        mod(
            cast(floor(spread_usd * 100) as decimal(38, 0)) * hours_of_date, term_hours
        ) as date_remainder
    from counted

),

ranked as (

    select
        *,
        row_number() over (
            partition by commitment_id, valid_from_at, known_from_at
            order by date_remainder desc, billing_date asc
        ) as remainder_rank,
        row_number() over (
            partition by commitment_id, valid_from_at, known_from_at
            order by billing_date
        ) as date_rank,
        spread_cents - sum(date_cents) over (
            partition by commitment_id, valid_from_at, known_from_at
        ) as cents_left
    from shared

),

-- Cents left go to the largest remainders. Below the cent nothing is split: the first
-- date takes it.
final as (

    select
        *,
        cast(
            cast(
                date_cents + case when remainder_rank <= cents_left then 1 else 0 end
                as decimal(26, 0)
            ) * cast(0.01 as decimal(2, 2)) + case
                when date_rank = 1
                    then spread_usd - spread_cents * cast(0.01 as decimal(2, 2))
                else 0
            end as numeric(38, 12)
        ) as date_spread_usd
    from ranked

)

select * from final
