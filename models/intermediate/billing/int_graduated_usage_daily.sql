{{ config(materialized='table') }}

{%- set key = [
    'attempt_date', 'billing_date', 'known_month', 'source_name', 'billing_account_id',
    'provider_id', 'model_id', 'pricing_mode', 'price_mode', 'commitment_pool_id',
    'region_id', 'segment_id', 'price_id', 'application_id', 'component_id',
    'contributing_team_id', 'platform_team_id', 'cost_center_id', 'business_unit_id',
    'owner_source', 'environment', 'unpriced_reason',
] -%}

with

usage as (
    select * from {{ ref('int_usage_daily') }}
),

graduated_segments as (
    select segment_id
    from {{ ref('int_graduated_ladders') }}
    group by segment_id
),

final as (

    select
        usage.*,
        {{ dbt.hash(
            "coalesce(cast(usage." ~ key | join(" as varchar), '') || '|' ||"
            ~ " coalesce(cast(usage.") ~ " as varchar), '')"
        ) }} as usage_id,
        cast({{ dbt.date_trunc('month', 'usage.attempt_date') }} as date) as utc_month
    from usage
    inner join graduated_segments
        on usage.segment_id = graduated_segments.segment_id

)

select * from final
