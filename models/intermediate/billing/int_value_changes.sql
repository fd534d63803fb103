with

usage as (
    select * from {{ ref('int_usage_news') }}
),

invoice_lines as (
    select
        usage_month,
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

capacity_news as (
    select * from {{ ref('int_capacity_news') }}
),

-- What was known when the calendar begins was always known.
inference_rules as (

    select
        rules.restate_ownership,
        case
            when periods.known_after_at = cast('1900-01-01' as timestamp)
                then cast('1900-01-01' as date)
            else periods.posting_month
        end as known_from_month
    from {{ ref('allocation_rules') }} as rules
    inner join {{ ref('int_posting_periods') }} as periods
        on
            rules.recorded_at > periods.known_after_at
            and rules.recorded_at <= periods.known_until_at
    where
        rules.pool_name = 'inference'
        and {{ is_known('rules.recorded_at') }}
    qualify row_number() over (
        partition by periods.posting_month
        order by rules.recorded_at desc, rules.version_no desc
    ) = 1

),

known_rules as (

    select
        *,
        coalesce(
            lead(known_from_month) over (order by known_from_month),
            cast('9999-12-01' as date)
        ) as known_until_month
    from inference_rules

),

usage_months as (

    select billing_month as usage_month
    from usage
    union distinct
    select usage_month
    from invoice_lines

),

final as (

    select
        'late_telemetry' as cause,
        'usage' as knowledge,
        billing_month as usage_month,
        known_month as posting_month
    from usage
    union distinct
    select
        'rate_correction' as cause,
        'prices' as knowledge,
        usage.billing_month as usage_month,
        price_versions.known_from_month as posting_month
    from usage
    inner join price_versions
        on usage.segment_id = price_versions.segment_id
    union distinct
    -- Ownership recorded after the close re-charges a month only where the rule says
    -- so, and not before it says so.
    select
        case
            when known_rules.known_from_month >= ownership.known_from_month
                then 'rule_change'
            else 'ownership_change'
        end as cause,
        'owners' as knowledge,
        usage_months.usage_month,
        greatest(known_rules.known_from_month, ownership.known_from_month)
            as posting_month
    from usage_months
    inner join ownership
        on
            cast({{ dbt.dateadd('month', 1, 'usage_months.usage_month') }} as timestamp)
            > ownership.valid_from_at
            and cast(usage_months.usage_month as timestamp) < ownership.valid_until_at
    inner join known_rules
        on
            known_rules.restate_ownership
            and ownership.known_from_month < known_rules.known_until_month
    union distinct
    select
        'invoice_correction' as cause,
        'invoices' as knowledge,
        usage_month,
        known_month as posting_month
    from invoice_lines
    union distinct
    select
        'invoice_correction' as cause,
        'invoices' as knowledge,
        usage_month,
        replaced_in_month as posting_month
    from invoice_lines
    where replaced_in_month is not null
    union distinct
    select
        capacity_news.cause,
        case capacity_news.cause when 'rule_change' then 'rules' else 'prices' end
            as knowledge,
        usage_months.usage_month,
        capacity_news.known_month as posting_month
    from usage_months
    inner join capacity_news
        on
            usage_months.usage_month >= capacity_news.first_month
            and usage_months.usage_month <= capacity_news.last_month

)

select * from final
