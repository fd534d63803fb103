with

attempts as (
    select * from {{ ref('int_attempts_carded') }}
),

meter_costs as (
    select * from {{ ref('int_meter_costs') }}
),

graduated_costs as (
    select * from {{ ref('int_graduated_costs') }}
),

priced_models as (
    select distinct
        provider_id,
        model_id
    from {{ ref('int_price_cards') }}
),

-- Months in which a model's currency has no rate.
models_without_rate as (
    select * from {{ ref('int_models_without_rate') }}
),

-- A price that no contract changes is multiplied once, and the nearest price only
-- where an estimate may be needed.
owed as (

    select
        *,
        {{ rated_usd_millions('contracted') }} as contracted_usd_millions
    from attempts

),

multiplied as (

    select
        *,
        case
            when is_list_owed then contracted_usd_millions
            else {{ rated_usd_millions('list') }}
        end as list_usd_millions,
        case
            when contracted_usd_millions is null or other_meters is not null
                then {{ rated_usd_millions('nearest') }}
        end as nearest_usd_millions
    from owed

),

rated as (

    select
        attempts.*,
        {%- for purpose in ['list', 'contracted', 'nearest'] %}
        {{ millionth("attempts." ~ purpose ~ "_usd_millions") }}
        {%- if purpose != 'nearest' %}
        + coalesce(graduated_costs.{{ purpose }}_graduated_cost_usd, 0)
        {%- endif %}
        + case
            when attempts.other_meters is null then 0
            else meter_costs.{{ purpose }}_meter_cost_usd
        end as {{ purpose }}_rated_usd,
        {%- endfor %}
        {%- for token_class in priced_token_classes() %}
        graduated_costs.contracted_graduated_{{ token_class }}_usd,
        {%- endfor %}
        case
            when
                attempts.cache_write_1h_tokens is null
                and attempts.cache_write_5m_tokens > 0
                then cast(
                    cast(attempts.cache_write_5m_tokens as decimal(20, 0))
                    * (
                        attempts.contracted_cache_write_1h_usd_per_million
                        - attempts.contracted_cache_write_5m_usd_per_million
                    )
                    * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
                )
        end as cache_lifetime_exposure_usd
    from multiplied as attempts
    left join meter_costs
        on attempts.attempt_id = meter_costs.attempt_id
    left join graduated_costs
        on attempts.attempt_id = graduated_costs.attempt_id

),

-- A call that bills nothing costs 0; one that bills without a price
-- costs an unknown amount.
final as (

    select
        rated.*,
        case
            when
                rated.billing_status = 'billable'
                then cast(rated.list_rated_usd as decimal(38, 12))
            when rated.billing_status = 'not_billable' then cast(0 as decimal(38, 12))
        end as list_cost_usd,
        case
            when rated.billing_status = 'billable'
                then cast(rated.contracted_rated_usd as decimal(38, 12))
            when rated.billing_status = 'not_billable' then cast(0 as decimal(38, 12))
        end as contracted_cost_usd,
        case
            when
                rated.is_gateway_cache_hit
                then cast(rated.contracted_rated_usd as decimal(38, 12))
        end as avoided_cost_usd,
        case
            when rated.billing_status = 'usage_unknown' then 'no_usage'
            when
                rated.billing_status = 'not_billable'
                or rated.contracted_rated_usd is not null
                then null
            when priced_models.model_id is null and models_without_rate.model_id is null
                then 'unknown_model'
            when models_without_rate.model_id is not null then 'no_fx_rate'
            else 'no_price'
        end as unpriced_reason,
        case
            when rated.billing_status = 'usage_unknown'
                then case
                    when
                        rated.gateway_reported_cost_usd > 0
                        then rated.gateway_reported_cost_usd
                end
            when
                rated.billing_status = 'billable' and rated.contracted_rated_usd is null
                then coalesce(
                    cast(rated.nearest_rated_usd as decimal(38, 12)),
                    case
                        when
                            rated.gateway_reported_cost_usd > 0
                            then rated.gateway_reported_cost_usd
                    end
                )
        end as unpriced_exposure_usd
    from rated
    left join priced_models
        on
            rated.provider_id = priced_models.provider_id
            and rated.model_id = priced_models.model_id
    left join models_without_rate
        on
            rated.provider_id = models_without_rate.provider_id
            and rated.model_id = models_without_rate.model_id
            and rated.attempt_date >= models_without_rate.first_date
            and rated.attempt_date < models_without_rate.end_date

)

select * from final
