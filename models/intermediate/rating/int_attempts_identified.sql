with

requests as (
    select * from {{ ref('int_requests_resolved') }}
),

gateway_keys as (
    select * from {{ ref('int_gateway_keys_dated') }}
),

applications as (
    {{ known_rows(ref('applications'), ['application_id']) }}
),

-- One row per provider, deployment and validity; '*' is the provider's default account.
accounts as (
    select * from {{ ref('int_deployments_dated') }}
    where pool_id is null
),

pools as (
    select * from {{ ref('int_deployments_dated') }}
    where pool_id is not null
),

with_keys as (

    select
        requests.*,
        coalesce(requests.application_id, gateway_keys.application_id)
            as known_application_id,
        coalesce(requests.environment, gateway_keys.environment, 'unknown')
            as known_environment,
        coalesce(requests.cost_center_tag, gateway_keys.cost_center_tag)
            as known_cost_center_tag
    from requests
    left join gateway_keys
        on
            requests.api_key_hash = gateway_keys.api_key_hash
            and requests.started_at >= gateway_keys.valid_from_at
            and requests.started_at < gateway_keys.valid_until_at

),

final as (

    select
        with_keys.attempt_id,
        with_keys.source_name,
        with_keys.source_record_id,
        with_keys.provider_response_id,
        with_keys.interaction_id,
        with_keys.session_id,
        with_keys.run_id,
        with_keys.parent_step_id,
        with_keys.step_id,
        coalesce(with_keys.known_application_id, 'UNREGISTERED') as application_id,
        coalesce(with_keys.workflow_id, 'UNREGISTERED') as workflow_id,
        with_keys.component_id,
        with_keys.component_version,
        with_keys.api_key_hash,
        with_keys.user_pseudonym,
        with_keys.known_cost_center_tag as cost_center_tag,
        coalesce(
            with_keys.case_key,
            {{ tag_value('with_keys.request_tags', 'applications.case_tag') }}
        ) as case_key,
        coalesce(
            with_keys.billing_account_id,
            own_account.billing_account_id,
            default_account.billing_account_id
        ) as billing_account_id,
        with_keys.served_provider_id as provider_id,
        with_keys.model_requested,
        with_keys.model_served,
        with_keys.model_id,
        with_keys.has_graduated_price,
        with_keys.region_id,
        with_keys.deployment_id,
        coalesce(pools.pool_id, spilled_pools.pool_id, with_keys.commitment_pool_tag)
            as commitment_pool_id,
        with_keys.known_environment as environment,
        coalesce(with_keys.interaction_type, applications.interaction_type, 'other')
            as interaction_type,
        with_keys.operation,
        case
            when with_keys.pricing_mode not in ('on_demand', 'committed')
                then with_keys.pricing_mode
            when pools.pool_id is null then 'on_demand'
            else 'committed'
        end as pricing_mode,
        case
            when with_keys.pricing_mode like 'committed%' then 'on_demand'
            else with_keys.pricing_mode
        end as price_mode,
        with_keys.service_tier_requested,
        with_keys.service_tier_served,
        with_keys.attempt_grain,
        with_keys.attempt_role,
        with_keys.status,
        with_keys.error_class,
        with_keys.finish_reason,
        with_keys.usage_source,
        with_keys.request_tags,
        with_keys.attempt_number,
        with_keys.retries_reported,
        with_keys.fallbacks_reported,
        with_keys.input_uncached_tokens,
        with_keys.cache_read_tokens,
        with_keys.cache_write_5m_tokens,
        with_keys.cache_write_1h_tokens,
        with_keys.output_tokens,
        with_keys.reasoning_tokens,
        with_keys.input_audio_tokens,
        with_keys.output_audio_tokens,
        with_keys.input_image_tokens,
        with_keys.context_tokens,
        with_keys.other_meters,
        with_keys.gateway_reported_cost_usd,
        with_keys.latency_seconds,
        with_keys.time_to_first_token_seconds,
        with_keys.is_gateway_cache_hit,
        with_keys.is_streamed,
        with_keys.is_success,
        with_keys.is_session_explicit,
        applications.application_id is not null as is_application_registered,
        with_keys.precedence,
        with_keys.started_at,
        with_keys.ended_at,
        with_keys.ingested_at,
        with_keys.attempt_date,
        with_keys.copies,
        with_keys.exact_duplicates,
        with_keys.quarantine_reason,
        with_keys.is_superseded,
        with_keys.record_hash,
        with_keys.inputs_version
    from with_keys
    left join applications
        on
            with_keys.known_application_id = applications.application_id
            and with_keys.started_at >= applications.valid_from_at
            and with_keys.started_at < applications.valid_until_at
    left join accounts as own_account
        on
            with_keys.served_provider_id = own_account.provider_id
            and with_keys.deployment_id = own_account.deployment_id
            and with_keys.started_at >= own_account.valid_from_at
            and with_keys.started_at < own_account.valid_until_at
    left join accounts as default_account
        on
            with_keys.served_provider_id = default_account.provider_id
            and default_account.deployment_id = '*'
            and with_keys.started_at >= default_account.valid_from_at
            and with_keys.started_at < default_account.valid_until_at
    left join pools
        on
            with_keys.served_provider_id = pools.provider_id
            and with_keys.deployment_id = pools.deployment_id
            and with_keys.started_at >= pools.valid_from_at
            and with_keys.started_at < pools.valid_until_at
    left join pools as spilled_pools
        on
            with_keys.served_provider_id = spilled_pools.provider_id
            and with_keys.commitment_pool_tag = spilled_pools.deployment_id
            and with_keys.started_at >= spilled_pools.valid_from_at
            and with_keys.started_at < spilled_pools.valid_until_at

)

select * from final
