{{ config(materialized='table') }}

{#- In the order in which one change of knowledge after another is put in. -#}
{%- set causes = {
    'late_telemetry': 'usage',
    'rate_correction': 'prices',
    'ownership_change': 'owners',
    'invoice_correction': 'invoices',
} -%}

with

usage as (
    select * from {{ ref('int_usage_news') }}
),

invoice_lines as (
    select
        usage_month as billing_month,
        known_month,
        replaced_in_month
    from {{ ref('int_invoice_lines_identified') }}
    where replaced_in_month is null or replaced_in_month > known_month
),

price_versions as (
    select
        segment_id,
        known_until_month as known_from_month
    from {{ ref('int_price_cards_superseded') }}
),

ownership as (
    select * from {{ ref('int_ownership_shares') }}
),

-- Ownership recorded after the close re-charges a month only where the rule says so.
restating_rules as (
    {{ known_rows(ref('allocation_rules'), ['allocation_rule_id', 'version_no']) }}
),

usage_months as (

    select billing_month as usage_month
    from usage
    union distinct
    select billing_month as usage_month
    from invoice_lines

),

changes as (

    select
        'late_telemetry' as cause,
        billing_month as usage_month,
        known_month as posting_month
    from usage
    union distinct
    select
        'rate_correction' as cause,
        usage.billing_month as usage_month,
        price_versions.known_from_month as posting_month
    from usage
    inner join price_versions
        on usage.segment_id = price_versions.segment_id
    union distinct
    select
        'ownership_change' as cause,
        usage_months.usage_month,
        ownership.known_from_month as posting_month
    from usage_months
    inner join ownership
        on
            cast({{ dbt.dateadd('month', 1, 'usage_months.usage_month') }} as timestamp)
            > ownership.valid_from_at
            and cast(usage_months.usage_month as timestamp) < ownership.valid_until_at
    inner join restating_rules
        on
            restating_rules.pool_name = 'inference'
            and restating_rules.restate_ownership
    union distinct
    select
        'invoice_correction' as cause,
        billing_month as usage_month,
        known_month as posting_month
    from invoice_lines
    union distinct
    select
        'invoice_correction' as cause,
        billing_month as usage_month,
        replaced_in_month as posting_month
    from invoice_lines
    where replaced_in_month is not null

),

-- The first value of a month takes in all that is known at its own close.
steps as (

    select
        usage_month,
        usage_month as posting_month,
        0 as cause_rank,
        'first_posting' as cause
    from usage_months
    union all
    select
        usage_month,
        posting_month,
        case cause
            {%- for cause in causes %}
            when '{{ cause }}' then {{ loop.index }}
            {%- endfor %}
        end as cause_rank,
        cause
    from changes
    where posting_month > usage_month

),

final as (

    select
        {{ dbt.hash(
            "cast(usage_month as varchar) || '|' || cast(posting_month as varchar)"
            ~ " || '|' || cause"
        ) }} as step_id,
        usage_month,
        posting_month,
        cause,
        cast(row_number() over (
            partition by usage_month
            order by posting_month, cause_rank
        ) as bigint) as step_no,
        {%- for cause, knowledge in causes.items() %}
        max(
            case
                when cause in ('first_posting', '{{ cause }}') then posting_month
            end
        ) over (
            partition by usage_month
            order by posting_month, cause_rank
            rows between unbounded preceding and current row
        ) as {{ knowledge }}_known_month,
        {%- endfor %}
        row_number() over (
            partition by usage_month
            order by posting_month desc, cause_rank desc
        ) = 1 as is_newest
    from steps

)

select * from final
