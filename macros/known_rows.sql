{#- The condition that a row was known at the `as_of` var; true for every row when it is empty. -#}
{% macro is_known(recorded_at) -%}
    {%- if var('as_of') | string | length > 0 -%}
        {{ recorded_at }} <= cast('{{ var("as_of") }}' as timestamp)
    {%- else -%} 1 = 1
    {%- endif -%}
{%- endmacro %}

{#- Reference rows known at the `as_of` var, cut into windows that never overlap: of rows with the same key
    and start the latest recorded replaces the others, and where two rows with different starts both hold,
    the latest recorded does. An open end may be null. -#}
{% macro known_rows(relation, key) -%}
    {%- set keys = key | join(', ') -%}
    with versions as ({{ ai_finops.latest_versions(relation, keys) }}),
    instants as (
        select {{ keys }}, row_from_at as starts_at from versions
        union distinct
        select {{ keys }}, row_until_at as starts_at from versions
    ),
    winners as ({{ ai_finops.winners_from(key) }}),
    changes as (
        select * from winners
        qualify coalesce(
            row_from_at <> lag(row_from_at) over (partition by {{ keys }} order by starts_at), true
        )
    )
    select
        * exclude (row_from_at, row_until_at, starts_at),
        starts_at as valid_from_at,
        least(
            row_until_at,
            coalesce(lead(starts_at) over (partition by {{ keys }} order by starts_at), row_until_at)
        ) as valid_until_at
    from changes
{%- endmacro %}

{#- Of the known rows with the same key and start, the latest recorded. -#}
{% macro latest_versions(relation, keys) -%}
    select
        * exclude (valid_from_at, valid_until_at),
        coalesce(valid_from_at, cast('1900-01-01' as timestamp)) as row_from_at,
        coalesce(valid_until_at, cast('9999-12-31' as timestamp)) as row_until_at
    from {{ relation }}
    where {{ is_known('recorded_at') }}
    qualify row_number() over (partition by {{ keys }}, valid_from_at order by recorded_at desc) = 1
{%- endmacro %}

{#- The row of `versions` that holds at each of the `instants`, where a row starts or ends. -#}
{% macro winners_from(key) -%}
    select versions.*, instants.starts_at
    from instants
    inner join versions
        on
            instants.starts_at >= versions.row_from_at
            and instants.starts_at < versions.row_until_at
            {%- for column in key %}
            and instants.{{ column }} = versions.{{ column }}
            {%- endfor %}
    qualify row_number() over (
        partition by versions.{{ key | join(', versions.') }}, instants.starts_at
        order by versions.recorded_at desc, versions.row_from_at desc
    ) = 1
{%- endmacro %}

{#- Of the known reference rows, the newest version of each key: what a dimension shows. -#}
{% macro latest_rows(relation, key) -%}
    select *
    from {{ relation }}
    where {{ is_known('recorded_at') }}
    qualify row_number() over (
        partition by {{ key }}
        order by valid_from_at desc, recorded_at desc
    ) = 1
{%- endmacro %}
