{#- A source's token totals as disjoint classes. The flags come from the source's row in
    `token_conventions`; without a row they are null, and so is the result: unknown, never guessed.
    Expected columns: the six is_..._in_... flags and the canonical token columns. -#}
{% macro uncached_tokens(prompt) -%}
    {{ prompt }}
        - {{ tokens_if('is_cache_read_in_input', 'cache_read_tokens') }}
        - {{ tokens_if('is_cache_write_in_input', 'cache_write_5m_tokens + cache_write_1h_tokens') }}
        - {{ tokens_if('is_audio_in_input', 'input_audio_tokens') }}
        - {{ tokens_if('is_image_in_input', 'input_image_tokens') }}
{%- endmacro %}

{#- Every class of the prompt together: decides the price band. -#}
{% macro whole_prompt_tokens(prompt) -%}
    {{ prompt }}
        + {{ tokens_if('not is_cache_read_in_input', 'cache_read_tokens') }}
        + {{ tokens_if('not is_cache_write_in_input', 'cache_write_5m_tokens + cache_write_1h_tokens') }}
        + {{ tokens_if('not is_audio_in_input', 'input_audio_tokens') }}
        + {{ tokens_if('not is_image_in_input', 'input_image_tokens') }}
{%- endmacro %}

{#- Reasoning stays a memo inside output, added once where the source counts it beside output. -#}
{% macro text_output_tokens(completion) -%}
    {{ completion }}
        + {{ tokens_if('not is_reasoning_in_output', 'reasoning_tokens') }}
        - {{ tokens_if('is_audio_in_output', 'output_audio_tokens') }}
{%- endmacro %}

{% macro tokens_if(condition, tokens) -%}
    case when {{ condition }} then {{ tokens }} when not ({{ condition }}) then 0 end
{%- endmacro %}
