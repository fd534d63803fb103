{{ config(materialized='table') }}

with

periods as (
    {{ known_rows(ref('accounting_periods'), ['posting_month']) }}
),

closed as (

    select
        posting_month,
        soft_close_at,
        close_at,
        row_number() over (
            partition by posting_month
            order by recorded_at desc, valid_from_at desc
        ) as version_rank
    from periods

),

calendar as (

    select
        posting_month,
        soft_close_at,
        close_at
    from closed
    where version_rank = 1

),

-- What becomes known after the last close of the calendar belongs to the month
-- after it. Without a calendar nothing is ever late.
open_period as (

    select
        coalesce(
            cast({{ dbt.dateadd('month', 1, 'max(posting_month)') }} as date),
            cast('1900-01-01' as date)
        ) as posting_month,
        cast(null as timestamp) as soft_close_at,
        cast('9999-12-31' as timestamp) as close_at
    from calendar

),

all_periods as (

    select * from calendar
    union all
    select * from open_period

),

final as (

    select
        posting_month,
        soft_close_at,
        coalesce(
            lag(close_at) over (order by posting_month),
            cast('1900-01-01' as timestamp)
        ) as known_after_at,
        close_at as known_until_at,
        close_at >= cast('9999-12-31' as timestamp) as is_open
    from all_periods

)

select * from final
