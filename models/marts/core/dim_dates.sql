with

days as (
    {{ dbt.date_spine(
        'day', "cast('2020-01-01' as date)", "cast('2036-01-01' as date)"
    ) }}
),

counted as (

    select
        date_day,
        {{ dbt.datediff(dbt.date_trunc('week', 'date_day'), 'date_day', 'day') }}
            as days_since_monday
    from days

),

final as (

    select
        cast(date_day as date) as date_day,
        cast({{ dbt.date_trunc('week', 'date_day') }} as date) as week_start_date,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start_date,
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as quarter_start_date,
        cast({{ dbt.date_trunc('year', 'date_day') }} as date) as year_start_date,
        cast(extract(year from date_day) as bigint) as calendar_year,
        cast(extract(month from date_day) as bigint) as month_of_year,
        cast(extract(day from date_day) as bigint) as day_of_month,
        cast(days_since_monday + 1 as bigint) as iso_day_of_week,
        case days_since_monday + 1
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            when 7 then 'Sunday'
        end as weekday_name,
        days_since_monday < 5 as is_business_day
    from counted

)

select * from final
