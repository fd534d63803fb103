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

final as (

    select
        requests.*,
        cast(coalesce(repeated_keys.copies, 1) as bigint) as copies,
        request_days.inputs_version
    from requests
    inner join request_days
        on requests.attempt_date = request_days.attempt_date
    left join repeated_keys
        on
            requests.source_name = repeated_keys.source_name
            and requests.source_record_id = repeated_keys.source_record_id

)

select * from final
