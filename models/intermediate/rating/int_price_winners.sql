with

prices as (
    select * from {{ ref('int_prices_in_usd') }}
),

segments as (
    select * from {{ ref('int_price_segments') }}
),

-- Every price row that could serve a segment, also one that has ended
-- before it: an ended price never rates an attempt, it only estimates the
-- exposure of one without a price.
candidates as (

    select
        segments.*,
        prices.token_class,
        prices.price_kind,
        prices.price_id as price_row_id,
        prices.unit_price,
        prices.unit_price_usd,
        prices.unit_quantity,
        prices.currency,
        prices.is_graduated,
        prices.volume_from_units,
        prices.volume_until_units,
        prices.valid_from_at,
        prices.recorded_at,
        prices.valid_until_at >= segments.ends_at as is_in_force,
        case when prices.price_kind = 'contracted' then 1 else 2 end as kind_rank,
        case when prices.billing_account_id = '*' then 2 else 1 end as account_rank,
        case when prices.region_id = '*' then 2 else 1 end as region_rank
    from segments
    inner join prices
        on
            segments.provider_id = prices.provider_id
            and segments.model_id = prices.model_id
            and segments.pricing_mode = prices.pricing_mode
            and prices.billing_account_id in ('*', segments.billing_account_id)
            and prices.region_id in ('*', segments.region_id)
            and segments.starts_at >= prices.valid_from_at
            and segments.from_tokens >= prices.context_from_tokens
            and segments.until_tokens <= prices.context_until_tokens
            and segments.known_from_month >= prices.known_from_month
            and segments.known_from_month < prices.known_until_month

),

-- Contracted: what is owed. List: the public price beside it. Nearest:
-- the basis of an estimate, which only today's knowledge makes.
purposes as (

    select
        'contracted' as price_purpose,
        candidates.*
    from candidates
    where candidates.is_in_force
    union all
    select
        'list' as price_purpose,
        candidates.*
    from candidates
    where candidates.is_in_force and candidates.price_kind = 'list'
    union all
    select
        'nearest' as price_purpose,
        candidates.*
    from candidates
    where candidates.known_until_month = cast('9999-12-01' as date)

),

-- The steps of a graduated price win together: they share every key but the volume.
ranked as (

    select
        purposes.*,
        dense_rank() over (
            partition by
                purposes.segment_id,
                purposes.known_from_month,
                purposes.token_class,
                purposes.price_purpose
            order by
                purposes.is_in_force desc,
                case when not purposes.is_in_force then purposes.valid_from_at end desc,
                purposes.kind_rank asc,
                purposes.account_rank asc,
                purposes.region_rank asc
        ) as price_rank
    from purposes

),

-- The row recorded last says whether the price is flat or has steps. A step that was
-- recorded again replaces its older self; the other steps stay.
final as (

    select ranked.*
    from ranked
    where ranked.price_rank = 1
    qualify
        ranked.is_graduated = first_value(ranked.is_graduated)
            over (
                partition by
                    ranked.segment_id,
                    ranked.known_from_month,
                    ranked.token_class,
                    ranked.price_purpose
                order by ranked.recorded_at desc, ranked.price_row_id asc
            )
        and ranked.recorded_at = max(ranked.recorded_at) over (
            partition by
                ranked.segment_id,
                ranked.known_from_month,
                ranked.token_class,
                ranked.price_purpose,
                ranked.is_graduated,
                coalesce(ranked.volume_from_units, 0)
        )

)

select * from final
