{#- A timestamp without zone that is meant in one time zone, as the clock of another shows it. The names
    are text expressions in the words of the IANA database. -#}
{% macro between_time_zones(timestamp, from_zone, to_zone) -%}
    {{ return(adapter.dispatch('between_time_zones', 'ai_finops')(timestamp, from_zone, to_zone)) }}
{%- endmacro %}

{% macro default__between_time_zones(timestamp, from_zone, to_zone) -%}
    {{ exceptions.raise_compiler_error('between_time_zones has no implementation for this adapter') }}
{%- endmacro %}

{% macro duckdb__between_time_zones(timestamp, from_zone, to_zone) -%}
    ((({{ timestamp }}) at time zone {{ from_zone }}) at time zone {{ to_zone }})
{%- endmacro %}

{#- Checked with a local emulator only. -#}
{% macro snowflake__between_time_zones(timestamp, from_zone, to_zone) -%}
    convert_timezone({{ from_zone }}, {{ to_zone }}, {{ timestamp }})
{%- endmacro %}
