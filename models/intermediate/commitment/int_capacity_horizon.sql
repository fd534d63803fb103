{#- Named with and without the var, so that one parse of dbt serves both. -#}
{%- set telemetry_ends_on = dbt.dateadd('day', 1, 'max(attempt_date)') -%}

with

attempts as (
    select * from {{ ref('int_capacity_attempts') }}
),

-- Capacity is reported as far as telemetry reaches: an hour nobody has looked at yet is
-- not idle. A build as of an instant reports up to it.
final as (

    select
        {%- if var('as_of') | string | length > 0 %}
        cast('{{ var("as_of") }}' as timestamp) as ends_at,
        {%- else %}
        cast({{ telemetry_ends_on }} as timestamp) as ends_at,
        {%- endif %}
        cast(count(*) as bigint) as attempts
    from attempts

)

select * from final
