{{ config(materialized='table') }}

with

prices as (
    select * from {{ ref('int_prices_in_usd') }}
),

keys as (
    select distinct
        provider_id,
        model_id,
        pricing_mode
    from prices
),

-- Every account and region that a price of the key names, and '*' for all others.
accounts as (

    select
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id
    from prices
    union distinct
    select
        provider_id,
        model_id,
        pricing_mode,
        '*' as billing_account_id
    from keys

),

regions as (

    select
        provider_id,
        model_id,
        pricing_mode,
        region_id
    from prices
    union distinct
    select
        provider_id,
        model_id,
        pricing_mode,
        '*' as region_id
    from keys

),

-- Where some price of the key starts or ends, so that within a
-- segment every price is constant.
instants as (

    select
        provider_id,
        model_id,
        pricing_mode,
        valid_from_at as starts_at
    from prices
    union distinct
    select
        provider_id,
        model_id,
        pricing_mode,
        valid_until_at as starts_at
    from prices

),

bounds as (

    select
        provider_id,
        model_id,
        pricing_mode,
        context_from_tokens as from_tokens
    from prices
    union distinct
    select
        provider_id,
        model_id,
        pricing_mode,
        context_until_tokens as from_tokens
    from prices
    where context_until_tokens < 9000000000000000000

),

time_segments as (

    select
        instants.*,
        coalesce(
            lead(instants.starts_at) over (
                partition by
                    instants.provider_id, instants.model_id, instants.pricing_mode
                order by instants.starts_at
            ),
            cast('9999-12-31' as timestamp)
        ) as ends_at
    from instants
    where instants.starts_at < cast('9999-12-31' as timestamp)

),

context_segments as (

    select
        bounds.*,
        coalesce(
            lead(bounds.from_tokens) over (
                partition by bounds.provider_id, bounds.model_id, bounds.pricing_mode
                order by bounds.from_tokens
            ),
            9000000000000000000
        ) as until_tokens
    from bounds

),

segments as (

    select
        accounts.provider_id,
        accounts.model_id,
        accounts.pricing_mode,
        accounts.billing_account_id,
        regions.region_id,
        time_segments.starts_at,
        time_segments.ends_at,
        context_segments.from_tokens,
        context_segments.until_tokens,
        {{ dbt.hash(
            "accounts.provider_id || '|' || accounts.model_id"
            ~ " || '|' || accounts.pricing_mode || '|' || accounts.billing_account_id"
            ~ " || '|' || regions.region_id || '|' || cast("
            ~ epoch_microseconds('time_segments.starts_at')
            ~ " as varchar) || '|' || cast(context_segments.from_tokens as varchar)"
        ) }} as segment_id
    from accounts
    inner join regions
        on
            accounts.provider_id = regions.provider_id
            and accounts.model_id = regions.model_id
            and accounts.pricing_mode = regions.pricing_mode
    inner join time_segments
        on
            accounts.provider_id = time_segments.provider_id
            and accounts.model_id = time_segments.model_id
            and accounts.pricing_mode = time_segments.pricing_mode
    inner join context_segments
        on
            accounts.provider_id = context_segments.provider_id
            and accounts.model_id = context_segments.model_id
            and accounts.pricing_mode = context_segments.pricing_mode

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

),

-- Contracted: what is owed. List: the public price beside it. Nearest:
-- the basis of an estimate.
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

),

-- The steps of a graduated price win together: they share every key but the volume.
ranked as (

    select
        purposes.*,
        dense_rank() over (
            partition by
                purposes.segment_id, purposes.token_class, purposes.price_purpose
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
winners as (

    select ranked.*
    from ranked
    where ranked.price_rank = 1
    qualify
        ranked.is_graduated = first_value(ranked.is_graduated)
            over (
                partition by ranked.segment_id, ranked.token_class, ranked.price_purpose
                order by ranked.recorded_at desc, ranked.price_row_id asc
            )
        and ranked.recorded_at = max(ranked.recorded_at) over (
            partition by
                ranked.segment_id,
                ranked.token_class,
                ranked.price_purpose,
                ranked.is_graduated,
                coalesce(ranked.volume_from_units, 0)
        )

),

-- What a segment's prices are, in one text: where a correction cuts a segment in two,
-- the half that it does not touch keeps its text.
segment_contents as (

    select
        segment_id,
        {{ dbt.listagg(
            measure="price_purpose || '|' || token_class || '|' || price_row_id || '|'"
            ~ " || cast(unit_price_usd as varchar)",
            delimiter_text="','",
            order_by_clause="order by price_purpose, token_class, price_row_id"
        ) }} as content
    from winners
    where price_purpose in ('contracted', 'list')
    group by segment_id

),

-- A price card is a set of prices for an account and a region, however often it was
-- in force.
final as (

    select
        winners.segment_id,
        {{ dbt.hash(
            "winners.provider_id || '|' || winners.model_id"
            ~ " || '|' || winners.pricing_mode"
            ~ " || '|' || winners.billing_account_id || '|' || winners.region_id"
            ~ " || '|' || coalesce(segment_contents.content, '')"
        ) }} as price_id,
        winners.price_purpose,
        winners.token_class,
        coalesce(winners.volume_from_units, 0) as volume_from_units,
        winners.volume_until_units,
        winners.price_row_id,
        winners.provider_id,
        winners.model_id,
        winners.pricing_mode,
        winners.billing_account_id,
        winners.region_id,
        winners.starts_at as valid_from_at,
        winners.ends_at as valid_until_at,
        winners.from_tokens as context_from_tokens,
        winners.until_tokens as context_until_tokens,
        winners.unit_price,
        winners.unit_quantity,
        winners.currency,
        winners.unit_price_usd,
        winners.is_graduated
    from winners
    left join segment_contents
        on winners.segment_id = segment_contents.segment_id

)

select * from final
