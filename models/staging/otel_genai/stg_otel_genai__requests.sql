{%- set fields = {
    'operation_name': 'gen_ai.operation.name',
    'request_type': 'llm.request.type',
    'provider_name': 'gen_ai.provider.name',
    'system_name': 'gen_ai.system',
    'request_model': 'gen_ai.request.model',
    'response_model': 'gen_ai.response.model',
    'response_id': 'gen_ai.response.id',
    'finish_reasons': 'gen_ai.response.finish_reasons',
    'first_chunk_seconds': 'gen_ai.response.time_to_first_chunk',
    'request_stream': 'gen_ai.request.stream',
    'is_streaming': 'llm.is_streaming',
    'conversation': 'gen_ai.conversation.id',
    'workflow': 'gen_ai.workflow.name',
    'agent_id': 'gen_ai.agent.id',
    'agent_name': 'gen_ai.agent.name',
    'agent_version': 'gen_ai.agent.version',
    'input_count': 'gen_ai.usage.input_tokens',
    'prompt_count': 'gen_ai.usage.prompt_tokens',
    'output_count': 'gen_ai.usage.output_tokens',
    'completion_count': 'gen_ai.usage.completion_tokens',
    'cached': 'gen_ai.usage.cache_read.input_tokens',
    'written': 'gen_ai.usage.cache_write.input_tokens',
    'created': 'gen_ai.usage.cache_creation.input_tokens',
    'reasoning': 'gen_ai.usage.reasoning.output_tokens',
    'audio_in': 'gen_ai.usage.audio.input_tokens',
    'audio_out': 'gen_ai.usage.audio.output_tokens',
    'image_in': 'gen_ai.usage.image.input_tokens',
    'total_cost': 'gen_ai.cost.total_cost',
    'asked_tier': 'openai.request.service_tier',
    'old_asked_tier': 'gen_ai.openai.request.service_tier',
    'served_tier': 'openai.response.service_tier',
    'old_served_tier': 'gen_ai.openai.response.service_tier',
    'error_type': 'error.type',
    'error_code': 'error.code',
    'resends': 'http.request.resend_count',
    'gateway_call_id': 'litellm.call_id',
    'gateway_alias': 'litellm.model_group',
    'key_hash': 'metadata.user_api_key_hash',
    'key_alias': 'metadata.user_api_key_alias',
    'team_id': 'metadata.user_api_key_team_id',
    'team_alias': 'metadata.user_api_key_team_alias',
    'case_key': 'ai_finops.case_key',
    'request_fingerprint': 'ai_finops.request_fingerprint',
} -%}
{%- set resource_fields = {
    'service': 'service.name',
    'service_namespace': 'service.namespace',
    'service_version': 'service.version',
    'environment_name': 'deployment.environment.name',
    'old_environment_name': 'deployment.environment',
    'cost_center': 'cost_center',
    'service_case_key': 'ai_finops.case_key',
} -%}
{#- Words for an operation: those of the conventions, of older instrumentation and the
    gateway's call types. The words of the last line call no model. -#}
{%- set operation_words = {
    'chat': [
        'chat', 'completion', 'acompletion', 'anthropic_messages', 'responses',
        'aresponses',
    ],
    'text_completion': ['text_completion'],
    'generate_content': ['generate_content'],
    'embeddings': ['embeddings', 'embedding', 'aembedding'],
    'unknown': ['litellm_request'],
    none: [
        'invoke_agent', 'invoke_workflow', 'execute_tool', 'retrieval', 'plan',
        'create_agent', 'fetch_response',
    ],
} -%}

with

source as (
    select * from {{ ref('stg_otel_genai__spans') }}
),

-- One row per provider and validity; '*' stands for every provider
-- without a row of its own.
conventions as (
    select * from {{ ref('token_conventions') }}
    where source_name = 'otel_genai'
),

-- One row per word. Joined, because a filter on parsed text parses it once per mention.
operations as (

    {%- for operation, words in operation_words.items() %}
    {%- set is_last = loop.last %}
    {%- for word in words %}
    select
        '{{ word }}' as word,
        {{ "'" ~ operation ~ "'" if operation else 'cast(null as varchar)' }}
            as operation
    {{ 'union all' if not (is_last and loop.last) }}
    {%- endfor %}
    {%- endfor %}

),

-- Each document is parsed once. Null means no JSON: counts are then unknown, not 0.
parsed as (

    select
        source.*,
        {{ json_document("coalesce(nullif(attributes, ''), '{}')", fields) }}
            as document,
        {{ json_document(
            "coalesce(nullif(resource_attributes, ''), '{}')", resource_fields
        ) }} as resource_document
    from source

),

documents as (

    select
        parsed.*,
        {{ json_columns('document', fields) }},
        {{ json_columns('resource_document', resource_fields) }}
    from parsed

),

-- The newest name of an attribute goes first. A span whose attributes cannot be read
-- tells its operation by its name, so that it is quarantined instead of lost.
named as (

    select
        documents.*,
        coalesce(
            nullif(documents.operation_name, ''),
            nullif(documents.request_type, ''),
            case
                when documents.document is null
                    then {{ dbt.split_part('span_name', "' '", 1) }}
            end
        ) as operation_word,
        coalesce(nullif(documents.provider_name, ''), nullif(documents.system_name, ''))
            as provider,
        coalesce(nullif(documents.input_count, ''), nullif(documents.prompt_count, ''))
            as input_text,
        coalesce(
            nullif(documents.output_count, ''), nullif(documents.completion_count, '')
        ) as output_text,
        coalesce(nullif(documents.written, ''), nullif(documents.created, ''))
            as written_text,
        nullif(
            coalesce(nullif(documents.asked_tier, ''), documents.old_asked_tier), ''
        ) as tier_asked,
        nullif(
            coalesce(nullif(documents.served_tier, ''), documents.old_served_tier), ''
        ) as tier_served,
        coalesce(nullif(documents.agent_id, ''), nullif(documents.agent_name, ''))
            as agent,
        lower(
            coalesce(
                nullif(documents.environment_name, ''), documents.old_environment_name
            )
        ) as environment_word,
        lower(coalesce(documents.error_type, '')) as error_name,
        coalesce(nullif(documents.error_code, ''), documents.error_type)
            as error_number,
        coalesce(documents.error_type, '') <> ''
        or coalesce(documents.status_code, '') in ('2', 'ERROR', 'STATUS_CODE_ERROR')
            as is_error
    from documents

),

-- Calls of a model alone: agents, workflows and tools may repeat the usage of the calls
-- below them. A gateway's call type that is not known yet still costs money: it stays.
inference as (

    select
        named.*,
        coalesce(operations.operation, 'unknown') as operation
    from named
    left join operations
        on named.operation_word = operations.word
    where
        operations.operation is not null
        or (operations.word is null and named.gateway_call_id <> '')

),

extracted as (

    select
        inference.*,
        {{ record_fingerprint([
            'trace_id', 'span_id', 'parent_span_id', 'span_name', 'span_kind',
            'status_code', 'scope_name', 'scope_version', 'schema_url', 'started_at',
            'ended_at', 'document', 'resource_document',
        ]) }} as record_hash,
        coalesce(inference.trace_id || inference.span_id, 'synthetic:' || {{ dbt.hash(
            "coalesce(trace_id, '') || '|' || coalesce(span_id, '')"
            ~ " || '|' || coalesce(parent_span_id, '')"
            ~ " || '|' || coalesce(span_name, '')"
            ~ " || '|' || coalesce(cast(document as varchar), '')"
            ~ " || '|' || coalesce(cast("
            ~ epoch_microseconds('started_at') ~ " as varchar), '')"
        ) }}) as record_id,
        case
            when inference.document is not null then {{ token_count('input_text') }}
        end as input_tokens,
        case
            when inference.document is not null then {{ token_count('output_text') }}
        end as all_output_tokens,
        case
            when inference.document is not null
                then {{ token_count("nullif(cached, '')") }}
        end as cache_read_tokens,
        -- Lifetimes are not told apart: all written tokens are taken as 5 minutes.
        case
            when inference.document is not null then {{ token_count('written_text') }}
        end as cache_write_5m_tokens,
        0 as cache_write_1h_tokens,
        {{ token_count("nullif(reasoning, '')") }} as reasoning_tokens,
        {{ token_count("nullif(audio_in, '')") }} as input_audio_tokens,
        {{ token_count("nullif(audio_out, '')") }} as output_audio_tokens,
        {{ token_count("nullif(image_in, '')") }} as input_image_tokens,
        coalesce({{ token_count("nullif(resends, '')") }}, 0) as resends_before
    from inference

),

classified as (

    select
        extracted.*,
        case
            when extracted.tier_served in ('flex', 'priority', 'batch')
                then extracted.tier_served
            when coalesce(extracted.tier_served, 'default') in ('default', 'standard')
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
            extracted.provider = own.provider_id
            and extracted.started_at >= own.valid_from_at
            and extracted.started_at < own.valid_until_at
    left join conventions as general
        on
            general.provider_id = '*'
            and extracted.started_at >= general.valid_from_at
            and extracted.started_at < general.valid_until_at

),

renamed as (

    select
        -- ids
        {{ dbt.hash("'otel_genai|' || record_id") }} as attempt_id,
        'otel_genai' as source_name,
        record_id as source_record_id,
        -- The gateway writes its own call id where the provider gave none.
        case
            when response_id <> coalesce(gateway_call_id, '')
                then nullif(response_id, '')
        end as provider_response_id,
        coalesce(trace_id, record_id) as interaction_id,
        nullif(conversation, '') as session_id,
        coalesce(trace_id, record_id) as run_id,
        parent_span_id as parent_step_id,
        coalesce(span_id, record_id) as step_id,
        nullif(service, '') as application_id,
        nullif(workflow, '') as workflow_id,
        agent as component_id,
        case when agent is not null then nullif(agent_version, '') end
            as component_version,
        nullif(key_hash, '') as api_key_hash,
        user_pseudonym,
        nullif(cost_center, '') as cost_center_tag,
        coalesce(nullif(case_key, ''), nullif(service_case_key, '')) as case_key,
        cast(null as varchar) as billing_account_id,
        provider as provider_id,
        nullif(request_model, '') as model_requested,
        -- A gateway may answer under its public alias; the model it asked for is known.
        coalesce(
            case
                when response_model <> coalesce(gateway_alias, '')
                    then nullif(response_model, '')
            end,
            nullif(request_model, ''),
            nullif(response_model, '')
        ) as model_served,
        cast(null as varchar) as region_id,
        cast(null as varchar) as deployment_id,
        cast(null as varchar) as commitment_pool_tag,
        -- attributes
        case
            when environment_word in ('prod', 'staging', 'dev', 'sandbox', 'eval')
                then environment_word
            -- The well-known values of the conventions.
            when environment_word = 'production' then 'prod'
            when environment_word = 'development' then 'dev'
            when environment_word is not null then 'unknown'
        end as environment,
        case
            when operation = 'embeddings' then 'embedding_job'
            when agent is not null then 'agent_task'
        end as interaction_type,
        operation,
        pricing_mode,
        case when tier_asked = 'default' then 'standard' else tier_asked end
            as service_tier_requested,
        case when tier_served = 'default' then 'standard' else tier_served end
            as service_tier_served,
        -- The gateway writes a span per call, not per upstream attempt.
        case when gateway_call_id <> '' then 'call' else 'attempt' end as attempt_grain,
        case when resends_before > 0 then 'retry' else 'primary' end as attempt_role,
        case when is_error then 'provider_error' else 'success' end as status,
        case
            when not is_error then 'none'
            when error_number = 'content_filter' or error_name like '%contentpolicy%'
                then 'content_filter'
            when error_name like '%timeout%' or error_number in ('408', '504')
                then 'timeout'
            when error_name like '%ratelimit%' or error_number = '429' then 'throttled'
            when error_name like '%cancel%' or error_name like '%disconnect%'
                then 'cancelled'
            when error_name like '%budget%' or error_name like '%accessdenied%'
                then 'policy_blocked'
            when
                error_number like '5__'
                or error_name like '%internalserver%'
                or error_name like '%unavailable%'
                then 'provider_5xx'
            when error_number like '4__' or error_name like '%badrequest%' then 'client'
            else 'unknown'
        end as error_class,
        -- A list from clients, text that looks like one from the gateway.
        coalesce(
            nullif({{ dbt.split_part('finish_reasons', "'\"'", 2) }}, ''),
            nullif(nullif(finish_reasons, ''), '[]')
        ) as finish_reason,
        case when input_tokens + all_output_tokens > 0 then 'provider' else 'none' end
            as usage_source,
        {{ flat_tags({
            'service_namespace': 'service_namespace',
            'service_version': 'service_version',
            'team_id': 'team_id',
            'team_alias': 'team_alias',
            'key_alias': 'key_alias',
            'request_fingerprint': 'request_fingerprint',
        }, 'cast(null as varchar)') }} as request_tags,
        -- measures
        cast(resends_before + 1 as bigint) as attempt_number,
        cast(0 as bigint) as retries_reported,
        cast(0 as bigint) as fallbacks_reported,
        {{ uncached_tokens('input_tokens') }} as input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cast(case when cache_write_5m_tokens = 0 then 0 end as bigint)
            as cache_write_1h_tokens,
        {{ text_output_tokens('all_output_tokens') }} as output_tokens,
        reasoning_tokens,
        input_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        {{ whole_prompt_tokens('input_tokens') }} as context_tokens,
        cast(null as varchar) as other_meters,
        {{ safe_cast_raw("nullif(total_cost, '')", 'varchar', 'decimal(38, 12)') }}
            as gateway_reported_cost_usd,
        case
            when ended_at >= started_at
                then cast(
                    {{ dbt.datediff('started_at', 'ended_at', 'microsecond') }}
                    * cast(0.000001 as decimal(6, 6)) as decimal(18, 3)
                )
        end as latency_seconds,
        {{ safe_cast_raw(
            "nullif(first_chunk_seconds, '')", 'varchar', 'decimal(18, 3)'
        ) }} as time_to_first_token_seconds,
        -- booleans
        false as is_gateway_cache_hit,
        lower(coalesce(nullif(request_stream, ''), is_streaming, 'false')) = 'true'
            as is_streamed,
        not is_error as is_success,
        coalesce(conversation, '') <> '' as is_session_explicit,
        -- timestamps
        started_at,
        ended_at,
        ingested_at,
        -- lineage
        record_hash
    from classified

)

select * from renamed
