{#- A spend log alone cannot describe a call twice: its response id is its key. -#}
{%- set gateways = ['litellm', 'otel_genai', 'langfuse']
    | select('in', var('sources')) | list -%}

with

requests as (
    select
        attempt_id,
        provider_response_id,
        precedence
    from {{ ref('int_requests_resolved') }}
    where
        quarantine_reason is null
        and not is_superseded
        and provider_response_id is not null
    {%- if gateways == ['litellm'] %}
        and 1 = 0
        {%- endif %}
),

shared_responses as (

    select provider_response_id
    from requests
    group by provider_response_id
    having count(*) > 1

),

ranked as (

    select
        requests.attempt_id,
        row_number() over (
            partition by requests.provider_response_id
            order by requests.precedence, requests.attempt_id
        ) as distance_from_provider
    from requests
    inner join shared_responses
        on requests.provider_response_id = shared_responses.provider_response_id

),

final as (
    select attempt_id
    from ranked
    where distance_from_provider > 1
)

select * from final
