with

usage as (
    select * from {{ ref('int_usage_daily') }}
    where pricing_mode <> 'committed'
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

-- What was used of each class, at the prices that the step knows.
priced as (

    select
        steps.step_id,
        steps.is_newest,
        steps.owners_known_month,
        usage.*,
        {%- for token_class in priced_token_classes() %}
        case
            when usage.{{ token_class }}_tokens = 0 then cast(0 as decimal(38, 12))
            else cast(
                cast(usage.{{ token_class }}_tokens as decimal(20, 0))
                * case
                    when superseded_cards.segment_id is null
                        then price_cards.contracted_{{ token_class }}_usd_per_million
                    else superseded_cards.{{ token_class }}_usd_per_million
                end
                * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
            ) + coalesce(usage.{{ token_class }}_graduated_usd, 0)
        end as {{ token_class }}_rated_usd,
        {%- endfor %}
        superseded_cards.segment_id is not null as is_rated_otherwise
    from usage
    inner join steps
        on
            usage.billing_month = steps.usage_month
            and usage.known_month <= steps.usage_known_month
    left join price_cards
        on usage.segment_id = price_cards.segment_id
    left join superseded_cards
        on
            usage.segment_id = superseded_cards.segment_id
            and steps.prices_known_month >= superseded_cards.known_from_month
            and steps.prices_known_month < superseded_cards.known_until_month

),

-- Searches, images and other meters are what the classes leave of the whole.
final as (

    select
        priced.*,
        case
            when priced.is_rated_otherwise then cast(0 as decimal(38, 12))
            else
                priced.contracted_cost_usd
                {%- for token_class in priced_token_classes() %}
                - priced.{{ token_class }}_rated_usd
                {%- endfor %}
        end as other_meters_rated_usd,
        -- noqa: disable=LT02
        case
            when not priced.is_rated_otherwise then priced.contracted_cost_usd
            else
                {%- for token_class in priced_token_classes() %}
                priced.{{ token_class }}_rated_usd
                {{- ' +' if not loop.last }}
                {%- endfor %}
        end as rated_usd
        -- noqa: enable=all
    from priced

)

select * from final
