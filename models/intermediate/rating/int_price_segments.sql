with

prices as (
    select * from {{ ref('int_prices_in_usd') }}
),

versions as (
    select * from {{ ref('int_price_versions') }}
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
    from prices

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
    from prices

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

final as (

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
        ) }} as segment_id,
        versions.known_from_month,
        versions.known_until_month
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
    inner join versions
        on
            accounts.provider_id = versions.provider_id
            and accounts.model_id = versions.model_id
            and accounts.pricing_mode = versions.pricing_mode

)

select * from final
