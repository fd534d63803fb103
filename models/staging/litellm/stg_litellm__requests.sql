with

documents as (
    select * from {{ ref('stg_litellm__spend_logs') }}
),

-- One row per provider and validity; '*' stands for every provider
-- without a row of its own.
conventions as (
    select * from {{ ref('token_conventions') }}
    where source_name = 'litellm'
),

extracted as (

    select
        documents.*,
        coalesce(documents._loaded_at, documents.created_at, documents.endtime)
            as ingested_at,
        coalesce(nullif(documents.request_id, ''), 'synthetic:' || {{ dbt.hash(
            "coalesce(api_key, '') || '|' || coalesce(model, '')"
            ~ " || '|' || coalesce(session_id, '')"
            ~ " || '|' || cast(coalesce(prompt_tokens, -1) as varchar)"
            ~ " || '|' || cast(coalesce(completion_tokens, -1) as varchar) || '|'"
            ~ " || cast(" ~ epoch_microseconds('starttime') ~ " as varchar)"
        ) }}) as record_id,
        coalesce(documents.cache_hit, '') = 'True' as is_gateway_cache_hit,
        {{ token_count('retries') }} as retries_reported,
        {{ token_count('fallbacks') }} as fallbacks_reported,
        coalesce(documents.usage_service_tier, documents.asked_service_tier)
            as service_tier_served,
        -- Counts of metadata that cannot be read are unknown, not 0.
        case
            when documents.is_metadata_readable = false then null
            else {{ token_count('cached') }}
        end as cache_read_tokens,
        -- Without the split by lifetime all written tokens are taken as 5 minutes.
        case
            when documents.is_metadata_readable = false then null
            when
                documents.written_5m is null and documents.written_1h is null
                then {{ token_count('written') }}
            else {{ token_count('written_5m') }}
        end as cache_write_5m_tokens,
        {{ token_count('written_1h') }} as cache_write_1h_tokens,
        documents.written_1h is not null
        or {{ token_count('written') }} = 0 as is_cache_lifetime_known,
        {{ token_count('reasoning') }} as reasoning_tokens,
        {{ token_count('audio_in') }} as input_audio_tokens,
        {{ token_count('image_in') }} as input_image_tokens,
        {{ token_count('audio_out') }} as output_audio_tokens
    from documents

),

classified as (

    select
        extracted.*,
        case
            when extracted.error_name = 'ClientDisconnected' then 'client_cancelled'
            when extracted.status = 'success' then 'success'
            when extracted.retries is null then 'gateway_rejected'
            when extracted.error_code = 'content_filter' then 'blocked'
            else 'provider_error'
        end as canonical_status,
        case
            when
                extracted.status = 'success'
                and extracted.prompt_tokens + extracted.completion_tokens > 0
                then 'provider'
            when
                extracted.status <> 'success'
                and extracted.prompt_tokens + extracted.completion_tokens > 0
                then 'gateway_estimate'
            else 'none'
        end as usage_source,
        case
            when extracted.spilled_from is not null then 'committed_spill'
            when extracted.service_tier_served in ('flex', 'priority', 'batch')
                then extracted.service_tier_served
            when
                coalesce(extracted.service_tier_served, 'standard')
                in ('standard', 'default', 'auto', 'none')
                then 'on_demand'
            else 'unknown'
        end as pricing_mode,
        coalesce(own.is_cache_read_in_input, general.is_cache_read_in_input)
            as is_cache_read_in_input,
        coalesce(own.is_cache_write_in_input, general.is_cache_write_in_input)
            as is_cache_write_in_input,
        coalesce(own.is_audio_in_input, general.is_audio_in_input) as is_audio_in_input,
        coalesce(own.is_image_in_input, general.is_image_in_input) as is_image_in_input,
        coalesce(own.is_reasoning_in_output, general.is_reasoning_in_output)
            as is_reasoning_in_output,
        coalesce(own.is_audio_in_output, general.is_audio_in_output)
            as is_audio_in_output
    from extracted
    left join conventions as own
        on
            extracted.custom_llm_provider = own.provider_id
            and extracted.starttime >= own.valid_from_at
            and extracted.starttime < own.valid_until_at
    left join conventions as general
        on
            general.provider_id = '*'
            and extracted.starttime >= general.valid_from_at
            and extracted.starttime < general.valid_until_at

),

renamed as (

    select
        -- ids
        {{ dbt.hash("'litellm|' || record_id") }} as attempt_id,
        'litellm' as source_name,
        record_id as source_record_id,
        case
            when
                not is_gateway_cache_hit
                and status = 'success'
                and call_type <> 'aembedding'
                then nullif(request_id, '')
        end as provider_response_id,
        coalesce(interaction, workflow_run, record_id) as interaction_id,
        nullif(session_id, '') as session_id,
        coalesce(workflow_run, interaction, record_id) as run_id,
        cast(null as varchar) as parent_step_id,
        coalesce(workflow_run || ':' || step, record_id) as step_id,
        coalesce(application, {{ tag_value('request_tags', "'app'") }})
            as application_id,
        coalesce(workflow, {{ tag_value('request_tags', "'wf'") }}) as workflow_id,
        coalesce(agent, nullif(agent_id, '')) as component_id,
        agent_version as component_version,
        nullif(api_key, '') as api_key_hash,
        user_pseudonym,
        coalesce(cost_center, {{ tag_value('request_tags', "'cc'") }})
            as cost_center_tag,
        case_key,
        cast(null as varchar) as billing_account_id,
        nullif(custom_llm_provider, '') as provider_id,
        coalesce(original_model_group, nullif(model_group, '')) as model_requested,
        coalesce(model_map_key, nullif(model, '')) as model_served,
        coalesce(usage_region, vertex_location, data_residency) as region_id,
        nullif(model_id, '') as deployment_id,
        spilled_from as commitment_pool_tag,
        -- attributes
        case
            when
                {{ tag_value('request_tags', "'env'") }} in (
                    'prod', 'staging', 'dev', 'sandbox', 'eval'
                )
                then {{ tag_value('request_tags', "'env'") }}
            when {{ tag_value('request_tags', "'env'") }} is not null then 'unknown'
        end as environment,
        case
            when call_type in ('aembedding', 'embedding') then 'embedding_job'
            when coalesce(agent, nullif(agent_id, '')) is not null
                then 'agent_task'
        end as interaction_type,
        case
            when call_type in (
                'acompletion',
                'completion',
                'anthropic_messages',
                'aresponses',
                'responses'
            ) then 'chat'
            when call_type in ('aembedding', 'embedding') then 'embeddings'
            else 'unknown'
        end as operation,
        pricing_mode,
        cast(null as varchar) as service_tier_requested,
        service_tier_served,
        'call' as attempt_grain,
        case
            when is_gateway_cache_hit then 'cache_replay'
            when spilled_from is not null then 'spill'
            when fallbacks_reported > 0 then 'fallback'
            else 'primary'
        end as attempt_role,
        canonical_status as status,
        case
            when canonical_status = 'success' then 'none'
            when canonical_status = 'client_cancelled' then 'cancelled'
            when error_code = 'content_filter' then 'content_filter'
            when error_name like '%Timeout%' then 'timeout'
            when error_name like '%RateLimit%' or error_code = '429' then 'throttled'
            when error_name like '%Budget%' or error_name like '%AccessDenied%'
                then 'policy_blocked'
            when error_code like '5__' then 'provider_5xx'
            when error_code like '4__' then 'client'
            else 'unknown'
        end as error_class,
        cast(null as varchar) as finish_reason,
        usage_source,
        {{ flat_tags({
            'team_id': 'team_id',
            'team_alias': 'team_alias',
            'key_alias': 'key_alias',
            'consuming_team': 'consuming_team',
        }, 'request_tags') }} as request_tags,
        -- measures
        cast(1 as bigint) as attempt_number,
        retries_reported,
        fallbacks_reported,
        {{ uncached_tokens('prompt_tokens') }} as input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        case when is_cache_lifetime_known then cache_write_1h_tokens end
            as cache_write_1h_tokens,
        {{ text_output_tokens('completion_tokens') }} as output_tokens,
        reasoning_tokens,
        input_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        {{ whole_prompt_tokens('prompt_tokens') }} as context_tokens,
        -- The log prices tool use without counting it: a meter that
        -- is known to be missing.
        case
            when tool_usage_cost not in ('0', '0.0')
                then '{"unmetered_tool_use": 1}'
        end as other_meters,
        spend as gateway_reported_cost_usd,
        case
            when endtime >= starttime
                then cast(
                    request_duration_ms
                    * cast(0.001 as decimal(4, 3)) as decimal(18, 3)
                )
        end as latency_seconds,
        case
            when completionstarttime < endtime and completionstarttime >= starttime
                then cast(
                    {{ dbt.datediff(
                        'starttime', 'completionstarttime', 'millisecond'
                    ) }}
                    * cast(0.001 as decimal(4, 3)) as decimal(18, 3)
                )
        end as time_to_first_token_seconds,
        -- booleans
        is_gateway_cache_hit,
        coalesce(completionstarttime < endtime, false) as is_streamed,
        canonical_status = 'success' as is_success,
        -- Made-up ids are 32 hexadecimal digits, or a UUID on calls
        -- rejected before routing.
        coalesce(session_id, '') <> ''
        and canonical_status <> 'gateway_rejected'
        and not {{ matches_pattern('session_id', '[0-9a-f]{32}') }}
            as is_session_explicit,
        -- timestamps
        starttime as started_at,
        endtime as ended_at,
        ingested_at,
        -- lineage
        record_hash
    from classified

)

select * from renamed
