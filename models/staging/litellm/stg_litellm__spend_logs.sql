{#- A missing key is said before anything is read. -#}
{%- do pseudonym_key() -%}

{#- What is read of the metadata, key by key: the rest of it may quote prompts. -#}
{%- set fields = {
    'usage_service_tier': 'usage_object/service_tier',
    'usage_region': 'usage_object/inference_geo',
    'cached': 'usage_object/prompt_tokens_details/cached_tokens',
    'written': 'usage_object/prompt_tokens_details/cache_creation_tokens',
    'written_5m': 'usage_object/prompt_tokens_details/cache_creation_token_details'
        ~ '/ephemeral_5m_input_tokens',
    'written_1h': 'usage_object/prompt_tokens_details/cache_creation_token_details'
        ~ '/ephemeral_1h_input_tokens',
    'audio_in': 'usage_object/prompt_tokens_details/audio_tokens',
    'image_in': 'usage_object/prompt_tokens_details/image_tokens',
    'reasoning': 'usage_object/completion_tokens_details/reasoning_tokens',
    'audio_out': 'usage_object/completion_tokens_details/audio_tokens',
    'asked_service_tier': 'cost_breakdown/service_tier',
    'vertex_location': 'cost_breakdown/vertex_location',
    'data_residency': 'cost_breakdown/data_residency',
    'tool_usage_cost': 'cost_breakdown/tool_usage_cost',
    'application': 'spend_logs_metadata/application',
    'workflow': 'spend_logs_metadata/workflow',
    'interaction': 'spend_logs_metadata/interaction_id',
    'workflow_run': 'spend_logs_metadata/workflow_run_id',
    'step': 'spend_logs_metadata/step',
    'agent': 'spend_logs_metadata/agent',
    'agent_version': 'spend_logs_metadata/agent_version',
    'cost_center': 'spend_logs_metadata/cost_center',
    'case_key': 'spend_logs_metadata/case_key',
    'consuming_team': 'spend_logs_metadata/consuming_team',
    'retries': 'attempted_retries',
    'fallbacks': 'attempted_fallbacks',
    'original_model_group': 'original_model_group',
    'spilled_from': 'azure_spillover/from_deployment',
    'model_map_key': 'model_map_information/model_map_key',
    'error_name': 'error_information/error_class',
    'error_code': 'error_information/error_code',
    'key_alias': 'user_api_key_alias',
    'team_alias': 'user_api_key_team_alias',
} -%}

with

source as (
    {{ raw_rows('litellm', 'spend_logs') }}
),

-- The document is parsed once. Null means that it is not JSON.
parsed as (

    select
        source.*,
        {{ json_document("coalesce(nullif(metadata, ''), '{}')", fields) }} as document
    from source

),

renamed as (

    select
        request_id,
        call_type,
        api_key,
        spend,
        total_tokens,
        prompt_tokens,
        completion_tokens,
        starttime,
        endtime,
        completionstarttime,
        model,
        model_id,
        model_group,
        custom_llm_provider,
        cache_hit,
        request_tags,
        team_id,
        session_id,
        status,
        agent_id,
        request_duration_ms,
        created_at,
        _loaded_at,
        case when end_user <> '' then {{ pseudonym('end_user') }} end as user_pseudonym,
        document is not null as is_metadata_readable,
        {{ record_fingerprint([
            'request_id', 'call_type', 'api_key', 'spend', 'total_tokens',
            'prompt_tokens', 'completion_tokens', 'starttime', 'endtime',
            'completionstarttime', 'model', 'model_id', 'model_group',
            'custom_llm_provider', 'cache_hit', 'request_tags', 'team_id', 'end_user',
            'session_id', 'status', 'agent_id', 'request_duration_ms', 'document',
        ]) }} as record_hash,
        {{- json_columns('document', fields) }}
    from parsed

)

select * from renamed
