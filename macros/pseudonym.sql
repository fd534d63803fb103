{#- Keyed pseudonym of a user id: '<key version>_' and the HMAC-SHA-256 (RFC 2104) in hex; null stays
    null. The key is hexadecimal, so that its two padded blocks can be written out here. -#}
{% macro pseudonym(column) -%}
    {%- set key = ai_finops.pseudonym_key() -%}
    {%- set pads = namespace(inner='', outer='') -%}
    {%- for digit in (key.secret ~ '0' * (128 - key.secret | length)) -%}
        {%- set nibble = '0123456789abcdef'.index(digit) -%}
        {%- set inner = '32107654ba98fedc' if loop.index is odd else '67452301efcdab89' -%}
        {%- set outer = '54761032dcfe98ba' if loop.index is odd else 'cdef89ab45670123' -%}
        {%- set pads.inner = pads.inner ~ inner[nibble] -%}
        {%- set pads.outer = pads.outer ~ outer[nibble] -%}
    {%- endfor -%}
    '{{ key.version }}_' || {{ adapter.dispatch('hmac_sha256', 'ai_finops')(column, pads.inner, pads.outer) }}
{%- endmacro %}

{% macro default__hmac_sha256(column, inner_pad, outer_pad) -%}
    {{ exceptions.raise_compiler_error('hmac_sha256 has no implementation for this adapter') }}
{%- endmacro %}

{% macro duckdb__hmac_sha256(column, inner_pad, outer_pad) -%}
    sha256(unhex('{{ outer_pad }}') || unhex(sha256(unhex('{{ inner_pad }}') || encode({{ column }}))))
{%- endmacro %}

{#- Written from Snowflake's documentation; built against a local emulator only. -#}
{% macro snowflake__hmac_sha256(column, inner_pad, outer_pad) -%}
    sha2(to_binary('{{ outer_pad }}', 'HEX') || sha2_binary(to_binary('{{ inner_pad }}', 'HEX') || to_binary({{ column }}, 'UTF-8'), 256), 256)
{%- endmacro %}

{#- The secret and its version from the environment. DuckDB may fall back to a public key whose
    pseudonyms say so; every other target stops without a key. -#}
{% macro pseudonym_key() -%}
    {%- set secret = env_var('AI_FINOPS_PSEUDONYM_KEY', '') | lower -%}
    {%- if secret == '' -%}
        {{ return(adapter.dispatch('missing_pseudonym_key', 'ai_finops')()) }}
    {%- endif -%}
    {%- if not modules.re.fullmatch('[0-9a-f]{64,128}', secret) or secret | length is odd -%}
        {{ exceptions.raise_compiler_error('AI_FINOPS_PSEUDONYM_KEY must be 64 to 128 hexadecimal digits (32 to 64 bytes).') }}
    {%- endif -%}
    {{ return({'secret': secret, 'version': env_var('AI_FINOPS_PSEUDONYM_KEY_VERSION', 'v1')}) }}
{%- endmacro %}

{% macro default__missing_pseudonym_key() -%}
    {%- if execute -%}
        {{ exceptions.raise_compiler_error(
            'AI_FINOPS_PSEUDONYM_KEY is not set. User ids leave staging only as keyed pseudonyms: set it to at least 64 hexadecimal digits.'
        ) }}
    {%- endif -%}
    {{ return({'secret': '00', 'version': 'parse'}) }}
{%- endmacro %}

{% macro duckdb__missing_pseudonym_key() -%}
    {{ return({'secret': '64656d6f206b6579', 'version': 'demo'}) }}
{%- endmacro %}
