with

usage as (
    select * from {{ ref('int_usage_daily') }}
    where pricing_mode <> 'committed'
),

graduated_usage as (
    select * from {{ ref('int_graduated_usage_daily') }}
    where pricing_mode <> 'committed'
),

graduated_segments as (
    select segment_id
    from {{ ref('int_graduated_ladders') }}
    group by segment_id
),

graduated_shares as (
    select * from {{ ref('int_graduated_shares_stepped') }}
),

steps as (
    select * from {{ ref('int_value_steps') }}
),

price_cards as (
    select * from {{ ref('int_price_cards') }}
),

superseded_cards as (
    select * from {{ ref('int_price_cards_superseded') }}
),

-- Only usage with a graduated price has an id to find its shares by.
identified as (

    select
        usage.*,
        cast(null as varchar) as usage_id,
        cast(null as date) as utc_month
    from usage
    left join graduated_segments
        on usage.segment_id = graduated_segments.segment_id
    where graduated_segments.segment_id is null
    union all
    select * from graduated_usage

),

-- What was used of each class, at the prices and the volume that are known now.
priced as (

    select
        steps.step_id,
        steps.is_newest,
        steps.owners_known_month,
        steps.prices_known_month,
        identified.*,
        {%- for token_class in priced_token_classes() %}
        case
            when identified.{{ token_class }}_tokens = 0
                then cast(0 as decimal(38, 12))
            else cast(
                cast(identified.{{ token_class }}_tokens as decimal(20, 0))
                * price_cards.contracted_{{ token_class }}_usd_per_million
                * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
            ) + coalesce(identified.{{ token_class }}_graduated_usd, 0)
        end as {{ token_class }}_newest_usd,
        {%- endfor %}
        identified.usage_id is not null and not steps.is_newest as is_volume_stepped
    from identified
    inner join steps
        on
            identified.billing_month = steps.usage_month
            and identified.known_month <= steps.usage_known_month
    left join price_cards
        on identified.segment_id = price_cards.segment_id

),

-- The same at those that the step knows, where it knows others.
stepped as (

    select
        priced.*,
        {%- for token_class in priced_token_classes() %}
        case
            when superseded_cards.segment_id is null and not priced.is_volume_stepped
                then priced.{{ token_class }}_newest_usd
            when priced.{{ token_class }}_tokens = 0 then cast(0 as decimal(38, 12))
            else cast(
                cast(priced.{{ token_class }}_tokens as decimal(20, 0))
                * case
                    when superseded_cards.segment_id is null
                        then price_cards.contracted_{{ token_class }}_usd_per_million
                    else superseded_cards.{{ token_class }}_usd_per_million
                end
                * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
            ) + case
                when priced.is_volume_stepped
                    then coalesce(graduated_shares.{{ token_class }}_graduated_usd, 0)
                else coalesce(priced.{{ token_class }}_graduated_usd, 0)
            end
        end as {{ token_class }}_rated_usd,
        {%- endfor %}
        superseded_cards.segment_id is not null
        or priced.is_volume_stepped as is_rated_otherwise,
        coalesce(superseded_cards.has_meter_prices, true) as has_meter_prices
    from priced
    left join superseded_cards
        on
            priced.segment_id = superseded_cards.segment_id
            and priced.prices_known_month >= superseded_cards.known_from_month
            and priced.prices_known_month < superseded_cards.known_until_month
    left join graduated_shares
        on
            priced.is_volume_stepped
            and priced.step_id = graduated_shares.step_id
            and priced.usage_id = graduated_shares.usage_id
    left join price_cards
        on
            priced.is_volume_stepped
            and priced.segment_id = price_cards.segment_id

),

-- Searches, images and other meters are what the classes leave of the whole.
metered as (

    select
        stepped.*,
        case
            when not stepped.has_meter_prices then 0
            else
                stepped.contracted_cost_usd
                {%- for token_class in priced_token_classes() %}
                - stepped.{{ token_class }}_newest_usd
                {%- endfor %}
        end as other_meters_rated_usd
    from stepped

),

final as (

    select
        metered.*,
        -- noqa: disable=LT02
        case
            when not metered.is_rated_otherwise then metered.contracted_cost_usd
            else
                {%- for token_class in priced_token_classes() %}
                metered.{{ token_class }}_rated_usd +
                {%- endfor %}
                coalesce(metered.other_meters_rated_usd, 0)
        end as rated_usd
        -- noqa: enable=all
    from metered

)

select * from final
