-- The yardstick: what one person would write in plain DuckDB SQL for the scale log, for the same
-- tables that the project builds, as fast as it can be while every amount is an exact decimal and
-- every row can be audited. benchmarks/run.py runs it beside `dbt build` and compares the answers.
--
-- It may be shorter than the project because it knows its input: one gateway (LiteLLM), whose
-- rows are immutable, list prices in USD for any account and region, no volume bands, whole
-- windows per model, no business events, and everything known at once (no as_of). It stops where
-- prices do not fit that.
--
-- Expects the variables raw_path (the folder with litellm/) and seeds_path (the folder with
-- reference/ and company/).

-- Reference -------------------------------------------------------------------------------------

create table prices as
select * from read_csv(
    getvariable('seeds_path') || '/reference/price_list.csv',
    types = {
        'unit_price': 'decimal(18, 6)', 'context_from_tokens': 'bigint',
        'context_until_tokens': 'bigint', 'volume_from_units': 'bigint',
        'volume_until_units': 'bigint', 'valid_from_at': 'timestamp',
        'valid_until_at': 'timestamp', 'recorded_at': 'timestamp'
    }
);

select case
    when count_if(
        billing_account_id <> '*' or region_id <> '*' or currency <> 'USD'
        or unit_quantity <> 1000000 or volume_from_units is not null
        or volume_until_units is not null
    ) > 0
        then error('hand_written.sql knows plain list prices per million tokens in USD only')
end
from prices;

-- One row per model, mode, window and context band. Micro-USD per million tokens times tokens is
-- 10^-12 USD, a whole number that fits 64 bits up to nine million USD a call.
create table price_cards as
select
    provider_id,
    model_id,
    pricing_mode,
    valid_from_at,
    valid_until_at,
    coalesce(context_from_tokens, 0) as context_from_tokens,
    coalesce(context_until_tokens, 9000000000000000000) as context_until_tokens,
    min(price_id) as price_id,
    cast(max(case when token_class = 'input_uncached' then unit_price * 1000000 end) as bigint)
        as input_uncached_price,
    cast(max(case when token_class = 'cache_read' then unit_price * 1000000 end) as bigint)
        as cache_read_price,
    cast(max(case when token_class = 'cache_write_5m' then unit_price * 1000000 end) as bigint)
        as cache_write_5m_price,
    cast(max(case when token_class = 'cache_write_1h' then unit_price * 1000000 end) as bigint)
        as cache_write_1h_price,
    cast(max(case when token_class = 'output' then unit_price * 1000000 end) as bigint)
        as output_price
from prices
group by all;

create table cost_centers as
select
    cost_center_id,
    business_unit_id,
    successor_cost_center_id,
    valid_from_at,
    valid_until_at
from read_csv(getvariable('seeds_path') || '/company/cost_centers.csv', types = {
    'cost_center_id': 'varchar', 'successor_cost_center_id': 'varchar',
    'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
});

create table ownership_cards as
select
    application_id,
    valid_from_at,
    valid_until_at,
    max(case when party_role = 'cost_center' then party_id end) as cost_center_id,
    max(case when party_role = 'business_unit' then party_id end) as business_unit_id,
    max(case when party_role = 'product_owner' then party_id end) as product_owner_id,
    max(case when party_role = 'contributing_team' then party_id end) as contributing_team_id,
    max(case when party_role = 'platform_team' then party_id end) as platform_team_id
from read_csv(getvariable('seeds_path') || '/company/ownership.csv', types = {
    'party_id': 'varchar', 'share': 'decimal(9, 6)',
    'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
})
group by application_id, valid_from_at, valid_until_at;

create table applications as
select application_id, interaction_type, valid_from_at, valid_until_at
from read_csv(getvariable('seeds_path') || '/company/applications.csv', types = {
    'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
});

create table components as
select component_id, contributing_team_id, valid_from_at, valid_until_at
from read_csv(getvariable('seeds_path') || '/company/components.csv', types = {
    'contributing_team_id': 'varchar', 'valid_from_at': 'timestamp',
    'valid_until_at': 'timestamp'
});

create table workflows as
select workflow_id, is_outcome_expected, no_outcome_reason, valid_from_at, valid_until_at
from read_csv(getvariable('seeds_path') || '/company/workflows.csv', types = {
    'no_outcome_reason': 'varchar', 'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
});

create table pools as
select
    unnest(string_split(deployment_ids, '|')) as deployment_id,
    provider_id,
    pool_id,
    term_start_at,
    term_end_at,
    cast(quantity * unit_price_usd_per_hour * 1000000000000 as hugeint) as hour_pico_usd,
    cast(quantity * throughput_tokens_per_unit_hour * 1000000 as hugeint) as hour_micro_tokens,
    output_weight,
    cache_read_weight
from read_csv(getvariable('seeds_path') || '/company/commitments.csv', types = {
    'term_start_at': 'timestamp', 'term_end_at': 'timestamp',
    'quantity': 'decimal(18, 6)', 'unit_price_usd_per_hour': 'decimal(18, 6)',
    'output_weight': 'decimal(18, 6)', 'cache_read_weight': 'decimal(18, 6)'
});

create table billing_accounts as
select
    unnest(string_split(deployment_ids, '|')) as deployment_id,
    provider_id,
    billing_account_id,
    valid_from_at,
    valid_until_at
from read_csv(getvariable('seeds_path') || '/company/billing_accounts.csv', types = {
    'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
});

create table model_aliases as
select alias, provider_id, model_id, valid_from_at, valid_until_at
from read_csv(getvariable('seeds_path') || '/reference/model_aliases.csv', types = {
    'provider_id': 'varchar', 'valid_from_at': 'timestamp', 'valid_until_at': 'timestamp'
})
where source_name in ('*', 'litellm');

create table models as
select model_id, context_window_tokens
from read_csv(getvariable('seeds_path') || '/reference/models.csv', types = {
    'context_window_tokens': 'bigint'
});

create table keys as
select
    token,
    metadata ->> '$.application' as application_id,
    metadata ->> '$.environment' as environment,
    metadata ->> '$.cost_center' as cost_center_tag
from read_parquet(getvariable('raw_path') || '/litellm/keys*.parquet');

-- Requests --------------------------------------------------------------------------------------

-- A keyed pseudonym costs two SHA-256: once per user, not once per call. The key is the public
-- demonstration key of the project, 'demo key', under the two pads of HMAC.
create table pseudonyms as
select
    end_user,
    'demo_' || sha256(
        unhex('383931337c373925' || repeat('5c', 56))
        || unhex(sha256(unhex('52535b59165d534f' || repeat('36', 56)) || encode(end_user)))
    ) as user_pseudonym
from (
    select distinct end_user
    from read_parquet(getvariable('raw_path') || '/litellm/spend_logs*.parquet')
    where end_user <> ''
);

-- Ids that arrived twice, found without reading the documents. Numbers group faster than texts;
-- two ids with one hash only make two rows more to compare.
create table repeated_ids as
select hash(request_id) as id_hash
from read_parquet(getvariable('raw_path') || '/litellm/spend_logs*.parquet')
group by id_hash
having count(*) > 1;

create table requests as
with documents as (
    select
        log.* exclude (metadata),
        hash(
            request_id, call_type, api_key, spend, total_tokens, prompt_tokens,
            completion_tokens, "startTime", "endTime", "completionStartTime", model, model_id,
            model_group, custom_llm_provider, metadata, cache_hit, request_tags, team_id,
            end_user, session_id, status, agent_id, request_duration_ms
        ) as record_hash,
        json_transform(log.metadata, '{
            "usage_object": {
                "service_tier": "VARCHAR", "inference_geo": "VARCHAR",
                "prompt_tokens_details": {
                    "cached_tokens": "BIGINT", "cache_creation_tokens": "BIGINT",
                    "cache_creation_token_details": {
                        "ephemeral_5m_input_tokens": "BIGINT",
                        "ephemeral_1h_input_tokens": "BIGINT"
                    },
                    "audio_tokens": "BIGINT", "image_tokens": "BIGINT"
                },
                "completion_tokens_details": {
                    "reasoning_tokens": "BIGINT", "audio_tokens": "BIGINT"
                }
            },
            "cost_breakdown": {
                "service_tier": "VARCHAR", "vertex_location": "VARCHAR",
                "data_residency": "VARCHAR", "tool_usage_cost": "VARCHAR"
            },
            "spend_logs_metadata": {
                "application": "VARCHAR", "workflow": "VARCHAR", "interaction_id": "VARCHAR",
                "workflow_run_id": "VARCHAR", "step": "VARCHAR", "agent": "VARCHAR",
                "agent_version": "VARCHAR", "cost_center": "VARCHAR", "case_key": "VARCHAR",
                "consuming_team": "VARCHAR"
            },
            "attempted_retries": "BIGINT", "attempted_fallbacks": "BIGINT",
            "original_model_group": "VARCHAR",
            "azure_spillover": {"from_deployment": "VARCHAR"},
            "model_map_information": {"model_map_key": "VARCHAR"},
            "error_information": {"error_class": "VARCHAR", "error_code": "VARCHAR"},
            "user_api_key_alias": "VARCHAR", "user_api_key_team_alias": "VARCHAR"
        }') as document
    from read_parquet(getvariable('raw_path') || '/litellm/spend_logs*.parquet') as log
),
flattened as (
    select
        documents.* exclude (document),
        document.usage_object.prompt_tokens_details as prompt_details,
        document.usage_object.completion_tokens_details as completion_details,
        document.usage_object.service_tier as usage_service_tier,
        document.usage_object.inference_geo as usage_region,
        document.cost_breakdown as cost_breakdown,
        document.spend_logs_metadata as caller,
        document.attempted_retries as retries,
        document.attempted_fallbacks as fallbacks,
        document.original_model_group as original_model_group,
        document.azure_spillover.from_deployment as spilled_from,
        document.model_map_information.model_map_key as model_map_key,
        document.error_information.error_class as error_name,
        document.error_information.error_code as error_code,
        document.user_api_key_alias as key_alias,
        document.user_api_key_team_alias as team_alias
    from documents
),
classified as (
    select
        *,
        coalesce(usage_service_tier, cost_breakdown.service_tier) as service_tier_served,
        coalesce(prompt_details.cached_tokens, 0) as cache_read_tokens,
        case
            when prompt_details.cache_creation_token_details.ephemeral_5m_input_tokens is null
                and prompt_details.cache_creation_token_details.ephemeral_1h_input_tokens is null
                then coalesce(prompt_details.cache_creation_tokens, 0)
            else coalesce(
                prompt_details.cache_creation_token_details.ephemeral_5m_input_tokens, 0
            )
        end as cache_write_5m_tokens,
        coalesce(prompt_details.cache_creation_token_details.ephemeral_1h_input_tokens, 0)
            as cache_write_1h_tokens,
        coalesce(prompt_details.audio_tokens, 0) as input_audio_tokens,
        coalesce(prompt_details.image_tokens, 0) as input_image_tokens,
        coalesce(completion_details.reasoning_tokens, 0) as reasoning_tokens,
        coalesce(completion_details.audio_tokens, 0) as output_audio_tokens,
        cache_hit = 'True' as is_gateway_cache_hit,
        case
            when error_name = 'ClientDisconnected' then 'client_cancelled'
            when status = 'success' then 'success'
            when retries is null then 'gateway_rejected'
            when error_code = 'content_filter' then 'blocked'
            else 'provider_error'
        end as canonical_status
    from flattened
)
select
    md5('litellm|' || classified.request_id) as attempt_id,
    'litellm' as source_name,
    classified.request_id as source_record_id,
    case
        when not is_gateway_cache_hit and status = 'success' and call_type <> 'aembedding'
            then classified.request_id
    end as provider_response_id,
    coalesce(caller.interaction_id, caller.workflow_run_id, classified.request_id)
        as interaction_id,
    session_id,
    coalesce(caller.workflow_run_id, caller.interaction_id, classified.request_id) as run_id,
    coalesce(caller.workflow_run_id || ':' || caller.step, classified.request_id) as step_id,
    coalesce(
        caller.application,
        case when request_tags like '%"app:%'
            then nullif(regexp_extract(request_tags, '"app:([^"]*)"', 1), '') end
    ) as application_id,
    coalesce(
        caller.workflow,
        case when request_tags like '%"wf:%'
            then nullif(regexp_extract(request_tags, '"wf:([^"]*)"', 1), '') end
    ) as workflow_id,
    coalesce(caller.agent, nullif(agent_id, '')) as component_id,
    caller.agent_version as component_version,
    api_key as api_key_hash,
    pseudonyms.user_pseudonym,
    coalesce(
        caller.cost_center,
        case when request_tags like '%"cc:%'
            then nullif(regexp_extract(request_tags, '"cc:([^"]*)"', 1), '') end
    ) as cost_center_tag,
    caller.case_key,
    custom_llm_provider as provider_id,
    coalesce(original_model_group, model_group) as model_requested,
    coalesce(model_map_key, model) as model_served,
    coalesce(usage_region, cost_breakdown.vertex_location, cost_breakdown.data_residency)
        as region_id,
    classified.model_id as deployment_id,
    spilled_from as commitment_pool_tag,
    case
        when request_tags not like '%"env:%' then null
        when regexp_extract(request_tags, '"env:([^"]*)"', 1)
            in ('prod', 'staging', 'dev', 'sandbox', 'eval')
            then regexp_extract(request_tags, '"env:([^"]*)"', 1)
        else 'unknown'
    end as environment,
    case
        when call_type = 'aembedding' then 'embedding_job'
        when coalesce(caller.agent, nullif(agent_id, '')) is not null then 'agent_task'
    end as interaction_type,
    case when call_type = 'aembedding' then 'embeddings' else 'chat' end as operation,
    case
        when spilled_from is not null then 'committed_spill'
        when service_tier_served in ('flex', 'priority', 'batch') then service_tier_served
        else 'on_demand'
    end as pricing_mode,
    service_tier_served,
    'call' as attempt_grain,
    case
        when is_gateway_cache_hit then 'cache_replay'
        when spilled_from is not null then 'spill'
        when fallbacks > 0 then 'fallback'
        else 'primary'
    end as attempt_role,
    canonical_status as status,
    case
        when canonical_status = 'success' then 'none'
        when canonical_status = 'client_cancelled' then 'cancelled'
        when error_code = 'content_filter' then 'content_filter'
        when error_name like '%RateLimit%' or error_code = '429' then 'throttled'
        when error_name like '%Budget%' or error_name like '%AccessDenied%'
            then 'policy_blocked'
        when error_code like '5__' then 'provider_5xx'
        when error_code like '4__' then 'client'
        else 'unknown'
    end as error_class,
    case
        when prompt_tokens + completion_tokens = 0 then 'none'
        when status = 'success' then 'provider'
        else 'gateway_estimate'
    end as usage_source,
    concat(
        '{"tags": ',
        regexp_replace(
            regexp_replace(request_tags, '"User-Agent:[^"]*"(, ?)?', '', 'g'), ', ?]$', ']'
        ),
        ', "team_id": "' || nullif(team_id, '') || '"',
        ', "team_alias": "' || team_alias || '"',
        ', "key_alias": "' || key_alias || '"',
        ', "consuming_team": "' || caller.consuming_team || '"',
        '}'
    ) as request_tags,
    coalesce(retries, 0) as retries_reported,
    coalesce(fallbacks, 0) as fallbacks_reported,
    prompt_tokens - cache_read_tokens - cache_write_5m_tokens - cache_write_1h_tokens
        - input_audio_tokens - input_image_tokens as input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    completion_tokens - output_audio_tokens as output_tokens,
    reasoning_tokens,
    input_audio_tokens,
    output_audio_tokens,
    input_image_tokens,
    prompt_tokens as context_tokens,
    cast(spend as decimal(38, 12)) as gateway_reported_cost_usd,
    cast(request_duration_ms * cast(0.001 as decimal(4, 3)) as decimal(18, 3)) as latency_seconds,
    case
        when "completionStartTime" < "endTime"
            then cast(
                date_diff('millisecond', "startTime", "completionStartTime")
                * cast(0.001 as decimal(4, 3)) as decimal(18, 3)
            )
    end as time_to_first_token_seconds,
    is_gateway_cache_hit,
    "completionStartTime" < "endTime" as is_streamed,
    canonical_status = 'success' as is_success,
    session_id <> '' and canonical_status <> 'gateway_rejected'
        and not regexp_full_match(session_id, '[0-9a-f]{32}') as is_session_explicit,
    "startTime" as started_at,
    "endTime" as ended_at,
    _loaded_at as ingested_at,
    record_hash,
    cast("startTime" as date) as attempt_date,
    repeated_ids.id_hash is not null as is_repeated,
    coalesce(model_aliases.provider_id, custom_llm_provider) as served_provider_id,
    coalesce(model_aliases.model_id, model_map_key, model) as model_id,
    case
        when "startTime" is null or "startTime" < timestamp '2020-01-01'
            or "startTime" >= timestamp '2100-01-01' then 'TS_RANGE'
        when "startTime" > _loaded_at + interval 300 second then 'FUTURE_TS'
        when prompt_tokens < 0 or completion_tokens < 0 or cache_read_tokens < 0
            or cache_write_5m_tokens < 0 or cache_write_1h_tokens < 0 then 'TOKEN_NEGATIVE'
        when prompt_tokens - cache_read_tokens - cache_write_5m_tokens - cache_write_1h_tokens
            - input_audio_tokens - input_image_tokens < 0 then 'TOKEN_NEGATIVE_NET'
        when prompt_tokens + completion_tokens > models.context_window_tokens * 10
            then 'TOKEN_IMPOSSIBLE'
    end as quarantine_reason
from classified
left join repeated_ids on hash(classified.request_id) = repeated_ids.id_hash
left join pseudonyms on classified.end_user = pseudonyms.end_user
left join model_aliases
    on coalesce(model_map_key, model) = model_aliases.alias
    and "startTime" >= model_aliases.valid_from_at
    and "startTime" < model_aliases.valid_until_at
left join models on coalesce(model_aliases.model_id, model_map_key, model) = models.model_id;

-- Copies are few: they are compared and taken out of the written table.
create table compared_copies as
select
    rowid as position,
    attempt_id,
    row_number() over (
        partition by attempt_id, record_hash order by ingested_at, rowid
    ) as delivery,
    min(record_hash) over (partition by attempt_id)
        <> max(record_hash) over (partition by attempt_id) as is_conflict
from requests
where is_repeated;

update requests set quarantine_reason = 'CONFLICT_DUP'
where quarantine_reason is null
    and rowid in (select position from compared_copies where is_conflict and delivery = 1);

delete from requests
where rowid in (select position from compared_copies where delivery > 1);

-- Attempts --------------------------------------------------------------------------------------

-- Interactions with attempts on several dates: few, so they are found by number first.
create table interactions_across_dates as
select interaction_id, min(attempt_date) as interaction_date
from requests
where hash(interaction_id) in (
    select hash(interaction_id)
    from requests
    group by hash(interaction_id)
    having min(attempt_date) <> max(attempt_date)
)
group by interaction_id
having min(attempt_date) <> max(attempt_date);

create table fct_attempts as
with placed as (
    select
        requests.* replace (
            coalesce(requests.application_id, keys.application_id, 'UNREGISTERED')
                as application_id,
            coalesce(requests.workflow_id, 'UNREGISTERED') as workflow_id,
            coalesce(requests.cost_center_tag, keys.cost_center_tag) as cost_center_tag,
            coalesce(requests.environment, keys.environment, 'unknown') as environment,
            requests.served_provider_id as provider_id,
            case
                when requests.pricing_mode = 'on_demand' and pools.pool_id is not null
                    then 'committed'
                else requests.pricing_mode
            end as pricing_mode
        ),
        case when requests.pricing_mode = 'committed_spill' then 'on_demand'
            else requests.pricing_mode end as price_mode,
        coalesce(own_account.billing_account_id, default_account.billing_account_id)
            as billing_account_id,
        coalesce(pools.pool_id, spilled_pools.pool_id, requests.commitment_pool_tag)
            as commitment_pool_id,
        pools.hour_pico_usd,
        pools.hour_micro_tokens,
        pools.output_weight,
        pools.cache_read_weight,
        case
            when is_gateway_cache_hit or requests.status = 'gateway_rejected'
                then 'not_billable'
            when requests.status in ('provider_error', 'blocked')
                then case when usage_source = 'provider' then 'billable' else 'not_billable' end
            when usage_source = 'none' then 'usage_unknown'
            else 'billable'
        end as billing_status
    from requests
    left join keys on requests.api_key_hash = keys.token
    left join billing_accounts as own_account
        on requests.served_provider_id = own_account.provider_id
        and requests.deployment_id = own_account.deployment_id
        and requests.started_at >= own_account.valid_from_at
        and requests.started_at < own_account.valid_until_at
    left join billing_accounts as default_account
        on requests.served_provider_id = default_account.provider_id
        and default_account.deployment_id = '*'
        and requests.started_at >= default_account.valid_from_at
        and requests.started_at < default_account.valid_until_at
    left join pools
        on requests.served_provider_id = pools.provider_id
        and requests.deployment_id = pools.deployment_id
        and requests.started_at >= pools.term_start_at
        and requests.started_at < pools.term_end_at
    left join pools as spilled_pools
        on requests.served_provider_id = spilled_pools.provider_id
        and requests.commitment_pool_tag = spilled_pools.deployment_id
        and requests.started_at >= spilled_pools.term_start_at
        and requests.started_at < spilled_pools.term_end_at
    where requests.quarantine_reason is null
),
-- A class without tokens needs no price; a missing price makes the sum null.
rated as (
    select
        placed.*,
        price_cards.price_id,
        case when input_uncached_tokens > 0
            then input_uncached_tokens * input_uncached_price else 0 end
        + case when cache_read_tokens > 0 then cache_read_tokens * cache_read_price else 0 end
        + case when cache_write_5m_tokens > 0
            then cache_write_5m_tokens * cache_write_5m_price else 0 end
        + case when cache_write_1h_tokens > 0
            then cache_write_1h_tokens * cache_write_1h_price else 0 end
        + case when output_tokens > 0 then output_tokens * output_price else 0 end
        + case when input_audio_tokens + output_audio_tokens + input_image_tokens > 0
            then null else 0 end as rated_pico_usd
    from placed
    left join price_cards
        on placed.provider_id = price_cards.provider_id
        and placed.model_id = price_cards.model_id
        and placed.price_mode = price_cards.pricing_mode
        and placed.started_at >= price_cards.valid_from_at
        and placed.started_at < price_cards.valid_until_at
        and placed.context_tokens >= price_cards.context_from_tokens
        and placed.context_tokens < price_cards.context_until_tokens
),
costed as (
    select
        rated.*,
        cast(
            case billing_status when 'billable' then rated_pico_usd when 'not_billable' then 0 end
            * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
        ) as cost_usd
    from rated
),
owned as (
    select
        costed.*,
        applications.application_id is not null as is_application_registered,
        coalesce(costed.interaction_type, applications.interaction_type, 'other')
            as known_interaction_type,
        coalesce(
            case
                when ownership_cards.application_id is null then null
                when ownership_cards.cost_center_id is null then 'UNOWNED'
                when owner_cost_centers.cost_center_id is null then 'UNALLOCATED'
                when costed.started_at >= owner_cost_centers.valid_until_at
                    then coalesce(owner_cost_centers.successor_cost_center_id, 'UNALLOCATED')
                else ownership_cards.cost_center_id
            end,
            tagged_cost_centers.cost_center_id,
            'UNOWNED'
        ) as cost_center_id,
        coalesce(
            ownership_cards.business_unit_id,
            owner_cost_centers.business_unit_id,
            tagged_cost_centers.business_unit_id,
            'UNOWNED'
        ) as business_unit_id,
        ownership_cards.product_owner_id,
        coalesce(components.contributing_team_id, ownership_cards.contributing_team_id)
            as contributing_team_id,
        ownership_cards.platform_team_id,
        case
            when ownership_cards.application_id is not null then 'registry'
            when tagged_cost_centers.cost_center_id is not null then 'tag'
            else 'none'
        end as owner_source,
        coalesce(interactions_across_dates.interaction_date, costed.attempt_date)
            as interaction_date,
        case
            when costed.status = 'client_cancelled' and cost_usd > 0 then 'W03'
            when costed.status = 'blocked' and cost_usd > 0 then 'W11'
        end as waste_reason
    from costed
    left join applications
        on costed.application_id = applications.application_id
        and costed.started_at >= applications.valid_from_at
        and costed.started_at < applications.valid_until_at
    left join ownership_cards
        on costed.application_id = ownership_cards.application_id
        and costed.started_at >= ownership_cards.valid_from_at
        and costed.started_at < ownership_cards.valid_until_at
    left join cost_centers as owner_cost_centers
        on ownership_cards.cost_center_id = owner_cost_centers.cost_center_id
    left join cost_centers as tagged_cost_centers
        on costed.cost_center_tag = tagged_cost_centers.cost_center_id
        and costed.started_at >= tagged_cost_centers.valid_from_at
        and costed.started_at < tagged_cost_centers.valid_until_at
    left join components
        on costed.component_id = components.component_id
        and costed.started_at >= components.valid_from_at
        and costed.started_at < components.valid_until_at
    left join interactions_across_dates
        on costed.interaction_id = interactions_across_dates.interaction_id
)
select
    attempt_id,
    source_name,
    source_record_id,
    provider_response_id,
    interaction_id,
    session_id,
    run_id,
    cast(null as varchar) as parent_step_id,
    step_id,
    application_id,
    workflow_id,
    component_id,
    component_version,
    api_key_hash,
    user_pseudonym,
    cost_center_tag,
    case_key,
    billing_account_id,
    provider_id,
    coalesce(model_id, 'UNKNOWN') as model_id,
    model_requested,
    model_id as model_served,
    model_served as model_logged,
    region_id,
    deployment_id,
    commitment_pool_id,
    cost_center_id,
    business_unit_id,
    product_owner_id,
    contributing_team_id,
    platform_team_id,
    price_id,
    environment,
    known_interaction_type as interaction_type,
    operation,
    pricing_mode,
    cast(null as varchar) as service_tier_requested,
    service_tier_served,
    attempt_grain,
    attempt_role,
    status,
    error_class,
    cast(null as varchar) as finish_reason,
    usage_source,
    owner_source,
    billing_status,
    case
        when billing_status = 'usage_unknown' then 'no_usage'
        when cost_usd is not null then null
        when price_id is null then 'unknown_model'
        else 'no_price'
    end as unpriced_reason,
    waste_reason,
    case
        when waste_reason is not null then 'definite_waste'
        when environment in ('sandbox', 'dev') then 'exploratory'
        when is_success then 'useful_unlinked'
        else 'indeterminate'
    end as demand_class,
    substr(nullif(concat(
        case when interaction_id = source_record_id then '|SYNTH_INTERACTION' end,
        case when ended_at < started_at then '|CLOCK_SKEW' end,
        case when billing_status = 'billable' and usage_source = 'gateway_estimate'
            then '|EST_USAGE' end,
        case when reasoning_tokens > output_tokens then '|REASONING_ABOVE_OUTPUT' end,
        case when owner_source = 'registry' and cost_center_tag <> cost_center_id
            then '|COST_CENTER_CONFLICT' end
    ), ''), 2) as quality_flags,
    request_tags,
    cast(null as varchar) as other_meters,
    cast(1 as bigint) as attempt_number,
    retries_reported,
    fallbacks_reported,
    input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    output_tokens,
    reasoning_tokens,
    input_audio_tokens,
    output_audio_tokens,
    input_image_tokens,
    context_tokens,
    cost_usd as list_cost_usd,
    cost_usd as contracted_cost_usd,
    case
        when pricing_mode <> 'committed' or billing_status = 'not_billable' then cost_usd
        when billing_status = 'billable'
            then cast(
                cast(
                    hour_pico_usd * cast(
                        (
                            input_uncached_tokens + cache_write_5m_tokens
                            + coalesce(cache_write_1h_tokens, 0)
                            + input_audio_tokens + input_image_tokens
                            + (output_tokens + output_audio_tokens) * output_weight
                            + cache_read_tokens * cache_read_weight
                        ) * 1000000 as hugeint
                    ) // hour_micro_tokens as decimal(26, 0)
                ) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
            )
    end as effective_cost_usd,
    gateway_reported_cost_usd,
    case
        when billing_status = 'usage_unknown' and gateway_reported_cost_usd > 0
            then gateway_reported_cost_usd
    end as unpriced_exposure_usd,
    case
        when is_gateway_cache_hit
            then cast(rated_pico_usd * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12))
    end as avoided_cost_usd,
    cast(null as decimal(38, 12)) as cache_lifetime_exposure_usd,
    latency_seconds,
    time_to_first_token_seconds,
    true as is_cost_bearing,
    waste_reason is not null as is_waste,
    is_success,
    is_gateway_cache_hit,
    is_streamed,
    is_session_explicit,
    is_application_registered,
    attempt_date,
    interaction_date,
    started_at,
    ended_at,
    ingested_at
from owned;

-- The exposure of a call without a price would need the nearest earlier price.
select case
    when count_if(billing_status = 'billable' and contracted_cost_usd is null) > 0
        then error('hand_written.sql cannot estimate calls without a price')
end
from fct_attempts;

-- Interactions ----------------------------------------------------------------------------------

-- One pass: the first attempt describes the interaction, the last tells how it ended; ties end in
-- the attempt's key. The costliest model names an interaction that called several.
create table fct_interactions as
with model_costs as (
    select
        interaction_id,
        model_id,
        sum(coalesce(effective_cost_usd, 0)) as model_cost_usd,
        max(started_at) as last_started_at
    from fct_attempts
    where interaction_id in (
        select interaction_id from fct_attempts
        group by interaction_id having min(model_id) <> max(model_id)
    )
    group by interaction_id, model_id
),
costliest_models as (
    select
        interaction_id,
        arg_max(model_id, (model_cost_usd, last_started_at)) as model_id
    from model_costs
    group by interaction_id
),
grouped as (
    select
        interaction_id,
        interaction_date,
        arg_min(rowid, (started_at, attempt_id)) as opening_row,
        min(model_id) as first_model_id,
        arg_max(is_success, (started_at, attempt_id)) as is_successful,
        max(case_key) as case_key,
        count(*) as attempts,
        cast(sum(retries_reported) as bigint) as retries,
        cast(sum(fallbacks_reported) as bigint) as fallbacks,
        count(distinct step_id) as steps,
        count_if(is_gateway_cache_hit) as cache_replays,
        cast(sum(input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(cache_write_5m_tokens) as bigint) as cache_write_5m_tokens,
        cast(sum(cache_write_1h_tokens) as bigint) as cache_write_1h_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(input_audio_tokens) as bigint) as input_audio_tokens,
        cast(sum(output_audio_tokens) as bigint) as output_audio_tokens,
        cast(sum(input_image_tokens) as bigint) as input_image_tokens,
        cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
        cast(sum(effective_cost_usd) as decimal(38, 12)) as model_inference_cost_usd,
        cast(
            sum(case when attempt_role = 'retry' then effective_cost_usd else 0 end)
            as decimal(38, 12)
        ) as retry_cost_usd,
        cast(sum(unpriced_exposure_usd) as decimal(38, 12)) as unpriced_exposure_usd,
        count(unpriced_reason) as unpriced_attempts,
        min(unpriced_reason) as unpriced_reason,
        bool_or(is_application_registered) as is_application_registered,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from fct_attempts
    group by interaction_id, interaction_date
),
questioned as (
    select
        grouped.*,
        coalesce(costliest_models.model_id, grouped.first_model_id) as primary_model_id,
        opening.run_id,
        opening.session_id,
        opening.application_id,
        opening.workflow_id,
        opening.user_pseudonym,
        opening.cost_center_id,
        opening.business_unit_id,
        opening.product_owner_id,
        opening.platform_team_id,
        opening.environment,
        opening.interaction_type,
        opening.cost_center_id not in ('UNOWNED', 'UNALLOCATED')
        and opening.business_unit_id <> 'UNOWNED'
        and opening.product_owner_id is not null as has_owner,
        unpriced_attempts = 0 as has_price,
        grouped.is_application_registered and workflows.workflow_id is not null as has_demand,
        coalesce(not workflows.is_outcome_expected, false)
        and workflows.no_outcome_reason is not null as has_outcome
    from grouped
    inner join fct_attempts as opening on grouped.opening_row = opening.rowid
    left join costliest_models on grouped.interaction_id = costliest_models.interaction_id
    left join workflows
        on opening.workflow_id = workflows.workflow_id
        and grouped.started_at >= workflows.valid_from_at
        and grouped.started_at < workflows.valid_until_at
)
select
    interaction_id,
    run_id,
    session_id,
    application_id,
    workflow_id,
    user_pseudonym,
    case_key,
    cost_center_id,
    business_unit_id,
    product_owner_id,
    platform_team_id,
    primary_model_id,
    cast(null as varchar) as outcome_id,
    environment,
    interaction_type,
    'technical' as success_basis,
    unpriced_reason,
    case
        when has_owner then null
        when cost_center_id in ('UNOWNED', 'UNALLOCATED') then 'no_cost_center'
        when business_unit_id = 'UNOWNED' then 'no_business_unit'
        else 'no_product_owner'
    end as has_owner_reason,
    unpriced_reason as has_price_reason,
    case
        when has_demand then null
        when not is_application_registered then 'application_not_registered'
        else 'workflow_not_registered'
    end as has_demand_reason,
    'no_policy_check' as has_result_reason,
    case when not has_outcome then 'no_outcome_linked' end as has_outcome_reason,
    attempts,
    retries,
    fallbacks,
    steps,
    cache_replays,
    input_uncached_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    output_tokens,
    input_audio_tokens,
    output_audio_tokens,
    input_image_tokens,
    reasoning_tokens,
    model_inference_cost_usd,
    cast(0 as decimal(38, 12)) as supporting_infrastructure_cost_usd,
    cast(0 as decimal(38, 12)) as ai_tooling_cost_usd,
    cast(0 as decimal(38, 12)) as human_effort_cost_usd,
    cast(0 as decimal(38, 12)) as compliance_risk_cost_usd,
    cast(0 as decimal(38, 12)) as platform_operations_cost_usd,
    model_inference_cost_usd as total_cost_usd,
    retry_cost_usd,
    unpriced_exposure_usd,
    cast(null as decimal(9, 6)) as quality_score,
    has_owner::bigint + has_price::bigint + has_demand::bigint + has_outcome::bigint
        as legibility_score,
    cast(
        date_diff('millisecond', started_at, ended_at) * cast(0.001 as decimal(4, 3))
        as decimal(18, 3)
    ) as duration_seconds,
    is_successful,
    cast(null as boolean) as is_compliant,
    has_owner,
    has_price,
    has_demand,
    false as has_result,
    has_outcome,
    interaction_date,
    started_at,
    ended_at
from questioned;

create table rpt_cost_per_interaction_daily as
with split as (
    select
        *,
        environment in ('prod', 'unknown') as is_production,
        case when environment in ('prod', 'unknown') then total_cost_usd end
            as production_cost_usd
    from fct_interactions
),
grouped as (
    select
        interaction_date,
        application_id,
        interaction_type,
        count(*) as interactions,
        count_if(is_production) as production_interactions,
        count_if(is_production and is_successful) as successful_interactions,
        count_if(is_production and is_compliant) as compliant_interactions,
        count_if(is_production and is_compliant is not null) as checked_interactions,
        count_if(not has_price) as unpriced_interactions,
        cast(sum(attempts) as bigint) as attempts,
        cast(sum(retries) as bigint) as retries,
        cast(sum(fallbacks) as bigint) as fallbacks,
        cast(sum(steps) as bigint) as steps,
        count(case when is_production then quality_score end) as quality_score_count,
        cast(sum(model_inference_cost_usd) as decimal(38, 12)) as model_inference_cost_usd,
        cast(sum(total_cost_usd) as decimal(38, 12)) as total_cost_usd,
        cast(sum(production_cost_usd) as decimal(38, 12)) as production_cost_usd,
        cast(sum(unpriced_exposure_usd) as decimal(38, 12)) as unpriced_exposure_usd,
        percentile_disc(0.5) within group (order by production_cost_usd) as cost_p50_usd,
        percentile_disc(0.95) within group (order by production_cost_usd) as cost_p95_usd,
        cast(sum(case when is_production then quality_score end) as decimal(18, 6))
            as quality_score_sum
    from split
    group by interaction_date, application_id, interaction_type
)
-- A quotient is cut off after 12 decimals, in whole numbers.
select
    *,
    cast(
        cast(production_cost_usd * 1000000000000 as hugeint) // nullif(production_interactions, 0)
        as decimal(26, 0)
    ) * cast(0.000000000001 as decimal(12, 12)) as cost_per_interaction_usd,
    cast(
        cast(production_cost_usd * 1000000000000 as hugeint) // nullif(successful_interactions, 0)
        as decimal(26, 0)
    ) * cast(0.000000000001 as decimal(12, 12)) as cost_per_successful_interaction_usd,
    cast(
        cast(successful_interactions as hugeint) * 1000000000000
        // nullif(production_interactions, 0) as decimal(26, 0)
    ) * cast(0.000000000001 as decimal(12, 12)) as success_ratio,
    cast(
        cast(quality_score_sum * 1000000000000 as hugeint) // nullif(quality_score_count, 0)
        as decimal(26, 0)
    ) * cast(0.000000000001 as decimal(12, 12)) as mean_quality_ratio
from grouped;
