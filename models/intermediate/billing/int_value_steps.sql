{{ config(materialized='table') }}

{#- In the order in which one change of knowledge after another is put in. -#}
{%- set changes = [
    ('late_telemetry', 'usage'),
    ('rate_correction', 'prices'),
    ('ownership_change', 'owners'),
    ('rule_change', 'owners'),
    ('rule_change', 'rules'),
    ('invoice_correction', 'invoices'),
] -%}

with

usage as (
    select * from {{ ref('int_usage_news') }}
),

invoice_lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where replaced_in_month is null or replaced_in_month > known_month
),

changes as (
    select * from {{ ref('int_value_changes') }}
),

usage_months as (

    select billing_month as usage_month
    from usage
    union distinct
    select usage_month
    from invoice_lines

),

-- The first value of a month takes in all that is known at its own close.
steps as (

    select
        usage_month,
        usage_month as posting_month,
        0 as change_rank,
        'first_posting' as cause,
        'everything' as knowledge
    from usage_months
    union all
    select
        usage_month,
        posting_month,
        case
            {%- for cause, knowledge in changes %}
            when cause = '{{ cause }}' and knowledge = '{{ knowledge }}'
                then {{ loop.index }}
            {%- endfor %}
        end as change_rank,
        cause,
        knowledge
    from changes
    where posting_month > usage_month

),

final as (

    select
        {{ dbt.hash(
            "cast(usage_month as varchar) || '|' || cast(posting_month as varchar)"
            ~ " || '|' || cause || '|' || knowledge"
        ) }} as step_id,
        usage_month,
        posting_month,
        cause,
        cast(row_number() over (
            partition by usage_month
            order by posting_month, change_rank
        ) as bigint) as step_no,
        {%- for knowledge in changes | map(attribute=1) | unique %}
        max(
            case
                when knowledge in ('everything', '{{ knowledge }}') then posting_month
            end
        ) over (
            partition by usage_month
            order by posting_month, change_rank
            rows between unbounded preceding and current row
        ) as {{ knowledge }}_known_month,
        {%- endfor %}
        row_number() over (
            partition by usage_month
            order by posting_month desc, change_rank desc
        ) = 1 as is_newest
    from steps

)

select * from final
