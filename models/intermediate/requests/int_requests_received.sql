{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='attempt_date',
    meta={'versions': 'int_request_days'},
    on_schema_change='fail',
    cluster_by=['attempt_date']
) }}

{%- set dates = linked_dates(
    this,
    ref('int_requests_unioned'),
    ['attempt_id'],
    changed_dates(ref('int_request_days'), 'attempt_date')
) if is_incremental() else [] %}

with

requests as (
    select * from {{ ref('int_requests_unioned') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('started_at', dates) }}
    {%- endif %}
),

-- Read a second time for the keys alone: the wide rows above need not
-- be held in memory.
request_keys as (
    select
        source_name,
        source_record_id
    from {{ ref('int_requests_unioned') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('started_at', dates) }}
    {%- endif %}
),

request_days as (
    select
        attempt_date,
        inputs_version
    from {{ ref('int_request_days') }}
),

model_aliases as (
    select * from {{ ref('int_model_aliases_dated') }}
),

price_list as (
    select
        provider_id,
        model_id,
        volume_from_units,
        volume_until_units
    from {{ ref('price_list') }}
),

contract_prices as (
    select
        provider_id,
        model_id,
        volume_from_units,
        volume_until_units
    from {{ ref('contract_prices') }}
),

prices as (
    select * from price_list
    union all
    select * from contract_prices
),

-- What a call of these costs depends on the whole month. They are few, and marked here
-- so that nothing else needs to be read to find them.
graduated_models as (
    select distinct
        provider_id,
        model_id
    from prices
    where volume_from_units is not null or volume_until_units is not null
),

-- Keys that arrived more than once. Only their rows need comparing later.
repeated_keys as (

    select
        source_name,
        source_record_id,
        count(*) as copies
    from request_keys
    group by source_name, source_record_id
    having count(*) > 1

),

named as (

    select
        requests.*,
        coalesce(model_aliases.provider_id, requests.provider_id) as served_provider_id,
        coalesce(model_aliases.model_id, requests.model_served) as model_id
    from requests
    left join model_aliases
        on
            requests.source_name = model_aliases.source_name
            and requests.model_served = model_aliases.alias
            and requests.started_at >= model_aliases.valid_from_at
            and requests.started_at < model_aliases.valid_until_at

),

final as (

    select
        named.*,
        graduated_models.model_id is not null as has_graduated_price,
        cast(coalesce(repeated_keys.copies, 1) as bigint) as copies,
        request_days.inputs_version
    from named
    inner join request_days
        on named.attempt_date = request_days.attempt_date
    left join repeated_keys
        on
            named.source_name = repeated_keys.source_name
            and named.source_record_id = repeated_keys.source_record_id
    left join graduated_models
        on
            named.served_provider_id = graduated_models.provider_id
            and named.model_id = graduated_models.model_id

)

select * from final
