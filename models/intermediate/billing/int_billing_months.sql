{{ config(materialized='table') }}

{%- set share_columns = ["'graduated'", 'step_id', 'usage_id'] -%}
{%- set card_columns = [
    "'price'", 'segment_id', 'known_from_month', 'known_until_month',
    'has_meter_prices',
] -%}
{%- for token_class in priced_token_classes() -%}
{%- do share_columns.append(token_class ~ '_graduated_usd') -%}
{%- do card_columns.append(token_class ~ '_usd_per_million') -%}
{%- endfor %}

with

usage as (
    select
        billing_month,
        attempt_date,
        segment_id,
        inputs_version,
        count(*) as usage_rows
    from {{ ref('int_usage_daily') }}
    group by billing_month, attempt_date, segment_id, inputs_version
),

steps as (
    select
        step_id,
        usage_month as billing_month,
        {{ record_fingerprint([
            "'step'", 'step_id', 'usage_known_month', 'prices_known_month',
            'owners_known_month', 'invoices_known_month', 'is_newest',
        ]) }} as content
    from {{ ref('int_value_steps') }}
),

months as (
    select billing_month
    from steps
    group by billing_month
),

used_segments as (
    select
        billing_month,
        segment_id
    from usage
    group by billing_month, segment_id
),

superseded_cards as (
    select
        segment_id,
        {{ record_fingerprint(card_columns) }} as content
    from {{ ref('int_price_cards_superseded') }}
),

graduated_shares as (
    select
        step_id,
        {{ record_fingerprint(share_columns) }} as content
    from {{ ref('int_graduated_shares_stepped') }}
),

ownership as (
    select
        {{ record_fingerprint([
            "'owner'", 'application_id', 'cost_center_id', 'share_millionths',
            'valid_from_at', 'valid_until_at', 'known_from_month', 'known_until_month',
        ]) }} as content
    from {{ ref('int_ownership_shares') }}
),

-- Each fact that can change what the usage of a month is rated at, whose it is or
-- which of its days the bill covers, as one number.
facts as (

    select
        billing_month,
        {{ record_fingerprint([
            "'usage'", 'attempt_date', 'segment_id', 'inputs_version', 'usage_rows',
        ]) }} as content
    from usage
    union all
    select
        billing_month,
        content
    from steps
    union all
    select
        used_segments.billing_month,
        superseded_cards.content
    from used_segments
    inner join superseded_cards
        on used_segments.segment_id = superseded_cards.segment_id
    union all
    select
        steps.billing_month,
        graduated_shares.content
    from steps
    inner join graduated_shares
        on steps.step_id = graduated_shares.step_id
    union all
    select
        months.billing_month,
        ownership.content
    from months
    cross join ownership
    union all
    select
        billing_month,
        {{ record_fingerprint([
            "'line'", 'step_id', 'invoice_line_id', 'version_no', 'billing_account_id',
            'model_id', 'pricing_mode', 'token_class', 'document_type', 'line_kind',
            'billing_date', 'charge_period_start', 'charge_period_end',
        ]) }} as content
    from {{ ref('int_invoice_lines_stepped') }}
    union all
    select
        billing_month,
        {{ record_fingerprint([
            "'rate'", 'billing_account_id', 'booked_rate', 'average_rate',
            'known_from_month', 'known_until_month',
        ]) }} as content
    from {{ ref('int_account_rates') }}

),

-- Sums do not depend on the order of rows.
final as (

    select
        billing_month,
        {{ dbt.hash('cast(sum(cast(content as decimal(38, 0))) as varchar)') }}
            as inputs_version
    from facts
    group by billing_month

)

select * from final
