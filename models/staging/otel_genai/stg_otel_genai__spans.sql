{#- Everything that later models read. Attributes also hold prompts, answers, tool
    arguments and error texts, so a key that is not listed here does not exist
    downstream. -#}
{%- set attribute_names = [
    'gen_ai.operation.name',
    'gen_ai.provider.name',
    'gen_ai.system',
    'gen_ai.request.model',
    'gen_ai.request.stream',
    'gen_ai.response.model',
    'gen_ai.response.id',
    'gen_ai.response.finish_reasons',
    'gen_ai.response.time_to_first_chunk',
    'gen_ai.conversation.id',
    'gen_ai.workflow.name',
    'gen_ai.agent.id',
    'gen_ai.agent.name',
    'gen_ai.agent.version',
    'gen_ai.usage.input_tokens',
    'gen_ai.usage.prompt_tokens',
    'gen_ai.usage.output_tokens',
    'gen_ai.usage.completion_tokens',
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_write.input_tokens',
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.audio.input_tokens',
    'gen_ai.usage.audio.output_tokens',
    'gen_ai.usage.image.input_tokens',
    'gen_ai.cost.total_cost',
    'openai.request.service_tier',
    'openai.response.service_tier',
    'gen_ai.openai.request.service_tier',
    'gen_ai.openai.response.service_tier',
    'error.type',
    'error.code',
    'http.request.resend_count',
    'llm.request.type',
    'llm.is_streaming',
    'litellm.call_id',
    'litellm.model_group',
    'metadata.user_api_key_hash',
    'metadata.user_api_key_alias',
    'metadata.user_api_key_team_id',
    'metadata.user_api_key_team_alias',
    'ai_finops.case_key',
    'ai_finops.request_fingerprint',
] -%}
{%- set resource_attribute_names = [
    'service.name',
    'service.namespace',
    'service.version',
    'deployment.environment.name',
    'deployment.environment',
    'cost_center',
    'ai_finops.case_key',
] -%}
{%- set user_fields = {'end_user': 'metadata.user_api_key_end_user_id'} -%}

with

source as (
    {{ raw_rows('otel_genai', 'spans') }}
),

-- Text that is no JSON object stays unreadable: taken as empty, a call
-- would vanish without trace.
picked as (

    select
        source.*,
        coalesce(
            {{ json_pick("coalesce(nullif(attributes, ''), '{}')", attribute_names) }},
            'unreadable'
        ) as picked_attributes,
        coalesce(
            {{ json_pick(
                "coalesce(nullif(resource_attributes, ''), '{}')",
                resource_attribute_names
            ) }},
            'unreadable'
        ) as picked_resource_attributes,
        {{ json_document("coalesce(nullif(attributes, ''), '{}')", user_fields) }}
            as user_document,
        {{ nanoseconds_timestamp('start_time_unix_nano') }} as started_at,
        {{ nanoseconds_timestamp('end_time_unix_nano') }} as ended_at
    from source

),

-- The end user leaves this model as a keyed pseudonym only.
identified as (

    select
        picked.*,
        {{ json_columns('user_document', user_fields) }}
    from picked

),

renamed as (

    select
        nullif(trace_id, '') as trace_id,
        nullif(span_id, '') as span_id,
        -- Some exporters write the top of a trace as a parent of zeros.
        nullif(nullif(parent_span_id, ''), '0000000000000000') as parent_span_id,
        name as span_name,
        kind as span_kind,
        status_code,
        scope_name,
        scope_version,
        schema_url,
        case when end_user <> '' then {{ pseudonym('end_user') }} end as user_pseudonym,
        picked_resource_attributes as resource_attributes,
        picked_attributes as attributes,
        started_at,
        ended_at,
        coalesce(_loaded_at, ended_at, started_at) as ingested_at
    from identified

)

select * from renamed
