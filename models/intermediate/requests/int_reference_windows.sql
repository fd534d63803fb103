{#- Reference rows that can change an attempt, with the columns that can. A reference
    that a model between the request and its marts reads, and that is missing here,
    would leave old days stale. Those with a key count in the windows in which they hold
    once corrections are resolved, as their readers see them. -#}
{%- set keys = {
    'source_precedence': ['source_name'],
    'model_aliases': ['source_name', 'alias'],
    'models': ['model_id'],
    'applications': ['application_id'],
    'workflows': ['workflow_id'],
    'components': ['component_id'],
    'ownership': ['application_id', 'party_role', 'party_id'],
    'cost_centers': ['cost_center_id'],
    'billing_accounts': ['billing_account_id'],
    'commitments': ['commitment_id'],
} %}
{%- set references = {
    'token_conventions': [
        'convention_id', 'source_name', 'provider_id', 'is_cache_read_in_input',
        'is_cache_write_in_input', 'is_audio_in_input', 'is_image_in_input',
        'is_reasoning_in_output', 'is_audio_in_output',
    ],
    'source_precedence': ['source_name', 'precedence', 'is_mutable'],
    'model_aliases': ['alias', 'source_name', 'provider_id', 'model_id'],
    'models': ['model_id', 'context_window_tokens', 'model_tier'],
    'price_list': [
        'price_id', 'provider_id', 'model_id', 'billing_account_id', 'region_id',
        'pricing_mode', 'token_class', 'context_from_tokens', 'context_until_tokens',
        'volume_from_units', 'volume_until_units', 'unit_price', 'unit_quantity',
        'currency',
    ],
    'contract_prices': [
        'price_id', 'provider_id', 'model_id', 'billing_account_id', 'region_id',
        'pricing_mode', 'token_class', 'context_from_tokens', 'context_until_tokens',
        'volume_from_units', 'volume_until_units', 'unit_price', 'unit_quantity',
        'currency',
    ],
    'applications': ['application_id', 'interaction_type', 'outcome_type', 'case_tag'],
    'workflows': [
        'workflow_id', 'application_id', 'is_outcome_expected', 'no_outcome_reason',
        'step_budget',
    ],
    'components': ['component_id', 'contributing_team_id', 'step_budget'],
    'ownership': ['application_id', 'party_role', 'party_id', 'share'],
    'cost_centers': ['cost_center_id', 'business_unit_id', 'successor_cost_center_id'],
    'billing_accounts': [
        'billing_account_id', 'provider_id', 'deployment_ids', 'billing_time_zone',
    ],
    'commitments': [
        'commitment_id', 'pool_id', 'provider_id', 'deployment_ids', 'term_start_at',
        'term_end_at',
    ],
} %}

with

{% for name, columns in references.items() -%}
{{ name }}_known as (
    {% if name in keys -%}
    {{ known_rows(ref(name), keys[name]) }}
    {%- else -%}
    select * from {{ ref(name) }}
    where {{ is_known('recorded_at') }}
    {%- endif %}
),

{{ name }}_rows as (

    select
        valid_from_at,
        valid_until_at,
        {{ record_fingerprint(["'" ~ name ~ "'"] + columns + ['recorded_at']) }}
            as content_hash
    from {{ name }}_known

),

{% endfor -%}
fx_rates_rows as (

    select
        cast(rate_date as timestamp) as valid_from_at,
        cast({{ dbt.dateadd('month', 1, 'rate_date') }} as timestamp) as valid_until_at,
        {{ record_fingerprint([
            "'fx_rates'", 'from_currency', 'to_currency', 'rate_type', 'rate',
            'recorded_at',
        ]) }} as content_hash
    from {{ ref('fx_rates') }}
    where {{ is_known('recorded_at') }}

),

gateway_keys_rows as (

    select
        valid_from_at,
        valid_until_at,
        {{ record_fingerprint([
            "'gateway_keys'", 'api_key_hash', 'application_id', 'environment',
            'cost_center_tag',
        ]) }} as content_hash
    from {{ ref('int_gateway_keys_dated') }}

),

all_rows as (

    {% for name in references -%}
    select * from {{ name }}_rows
    union all
    {% endfor -%}
    select * from fx_rates_rows
    union all
    select * from gateway_keys_rows

),

-- Sums, so that neither the order of rows nor how they fall into windows matters.
final as (

    select
        valid_from_at,
        valid_until_at,
        count(*) as reference_rows,
        sum(cast(content_hash as decimal(38, 0))) as content_sum
    from all_rows
    group by valid_from_at, valid_until_at

)

select * from final
