{#- A row that is recorded later corrects an older one. Of two rows with one key that
    were recorded at the same moment and both hold at some instant, nobody knows which
    is true. -#}
{%- set keys = {
    'source_precedence': "source_name",
    'model_aliases': "source_name || '|' || alias",
    'models': "model_id",
    'applications': "application_id",
    'workflows': "workflow_id",
    'components': "component_id",
    'ownership': "application_id || '|' || party_role || '|' || party_id",
    'cost_centers': "cost_center_id",
    'billing_accounts': "billing_account_id",
    'commitments': "commitment_id",
    'accounting_periods': "cast(posting_month as varchar)",
} %}

with

{% for name, key in keys.items() -%}
{{ name }}_windows as (

    select
        '{{ name }}' as reference_name,
        {{ key }} as reference_key,
        valid_from_at,
        valid_until_at,
        recorded_at
    from {{ ref(name) }}

),

{% endfor -%}
windows as (

    {% for name in keys -%}
    select * from {{ name }}_windows
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

ordered as (

    select
        windows.*,
        lead(windows.valid_from_at) over (
            partition by
                windows.reference_name, windows.reference_key, windows.recorded_at
            order by windows.valid_from_at
        ) as next_valid_from_at
    from windows

),

final as (

    select * from ordered
    where next_valid_from_at < valid_until_at

)

select * from final
