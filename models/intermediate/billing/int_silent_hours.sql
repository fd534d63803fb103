{#- A source is silent in an hour that it should have spoken in: the same hour of
    each of the three weeks before had records. -#}
{%- set weeks = [1, 2, 3] -%}

with

hours as (
    select * from {{ ref('int_source_hours') }}
),

steps as (
    select distinct
        usage_month,
        usage_known_month
    from {{ ref('int_value_steps') }}
),

-- Hours of the month, and of a day on either side for billing days in other time zones,
-- in which each earlier week counts.
expected_hours as (

    select
        steps.usage_month,
        steps.usage_known_month,
        hours.source_name,
        cast({{ dbt.dateadd('hour', 168, 'hours.started_hour') }} as timestamp)
            as silent_hour
    from hours
    inner join steps
        on
            hours.known_month <= steps.usage_known_month
            and hours.started_hour
            >= {{ dbt.dateadd('day', -8, 'cast(steps.usage_month as timestamp)') }}
            and hours.started_hour < {{ dbt.dateadd(
                'day',
                -6,
                dbt.dateadd('month', 1, 'cast(steps.usage_month as timestamp)'),
            ) }}

),

final as (

    select
        expected_hours.usage_month,
        expected_hours.usage_known_month,
        expected_hours.source_name,
        expected_hours.silent_hour
    from
        expected_hours
    {%- for week in weeks[1:] %}
inner join hours as weeks_{{ week }}_before
    on
        expected_hours.source_name = weeks_{{ week }}_before.source_name
        and expected_hours.silent_hour = {{ dbt.dateadd(
                'hour', 168 * week, 'weeks_' ~ week ~ '_before.started_hour'
            ) }}
        and weeks_{{ week }}_before.known_month
        <= expected_hours.usage_known_month
    {%- endfor %}
    left join hours as spoken_hours
        on
            expected_hours.source_name = spoken_hours.source_name
            and expected_hours.silent_hour = spoken_hours.started_hour
            and spoken_hours.known_month <= expected_hours.usage_known_month
    where spoken_hours.source_name is null

)

select * from final
