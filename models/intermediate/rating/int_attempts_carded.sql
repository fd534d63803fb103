{#- Accounts and regions that some price names; every other one is priced by the '*'
    rows. -#}
with

attempts as (
    select * from {{ ref('int_attempts_identified') }}
),

price_cards as (
    select * from {{ ref('int_price_cards') }}
),

chained_duplicates as (
    select * from {{ ref('int_chained_duplicates') }}
),

priced_accounts as (
    select distinct
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id
    from price_cards
    where billing_account_id <> '*'
),

priced_regions as (
    select distinct
        provider_id,
        model_id,
        pricing_mode,
        region_id
    from price_cards
    where region_id <> '*'
),

scoped as (

    select
        attempts.*,
        chained_duplicates.attempt_id is null as is_cost_bearing,
        coalesce(priced_accounts.billing_account_id, '*') as price_account,
        coalesce(priced_regions.region_id, '*') as price_region,
        attempts.input_uncached_tokens
        + attempts.cache_read_tokens
        + attempts.cache_write_5m_tokens
        + coalesce(attempts.cache_write_1h_tokens, 0)
        + attempts.output_tokens
        + attempts.input_audio_tokens
        + attempts.output_audio_tokens
        + attempts.input_image_tokens as billable_tokens
    from attempts
    left join chained_duplicates
        on attempts.attempt_id = chained_duplicates.attempt_id
    left join priced_accounts
        on
            attempts.provider_id = priced_accounts.provider_id
            and attempts.model_id = priced_accounts.model_id
            and attempts.price_mode = priced_accounts.pricing_mode
            and attempts.billing_account_id = priced_accounts.billing_account_id
    left join priced_regions
        on
            attempts.provider_id = priced_regions.provider_id
            and attempts.model_id = priced_regions.model_id
            and attempts.price_mode = priced_regions.pricing_mode
            and attempts.region_id = priced_regions.region_id

),

-- What a provider bills for: an answer, or a failure whose usage the
-- provider itself reports.
classified as (

    select
        scoped.*,
        case
            when not scoped.is_cost_bearing then 'not_billable'
            when scoped.is_gateway_cache_hit then 'not_billable'
            when scoped.status = 'gateway_rejected' then 'not_billable'
            when scoped.status in ('provider_error', 'blocked')
                then case
                    when
                        scoped.usage_source = 'provider' and scoped.billable_tokens > 0
                        then 'billable'
                    else 'not_billable'
                end
            when
                scoped.usage_source = 'none'
                or (scoped.billable_tokens = 0 and scoped.other_meters is null)
                then 'usage_unknown'
            else 'billable'
        end as billing_status
    from scoped

),

final as (

    select
        classified.*,
        price_cards.price_id,
        price_cards.segment_id,
        {%- for purpose in ['list', 'contracted', 'nearest'] %}
        {%- for token_class in priced_token_classes() %}
        price_cards.{{ purpose }}_{{ token_class }}_usd_per_million,
        {%- endfor %}
        {%- endfor %}
        coalesce(price_cards.is_list_owed, false) as is_list_owed,
        coalesce(price_cards.is_graduated, false) as is_graduated
    from classified
    left join price_cards
        on
            classified.provider_id = price_cards.provider_id
            and classified.model_id = price_cards.model_id
            and classified.price_mode = price_cards.pricing_mode
            and classified.price_account = price_cards.billing_account_id
            and classified.price_region = price_cards.region_id
            and classified.started_at >= price_cards.valid_from_at
            and classified.started_at < price_cards.valid_until_at
            and classified.context_tokens >= price_cards.context_from_tokens
            and classified.context_tokens < price_cards.context_until_tokens

)

select * from final
