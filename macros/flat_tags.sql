{#- A flat JSON object of text: the caller's tags (a JSON array, without the tags a gateway adds by
    itself) and the given attributes. Absent attributes are left out; an e-mail in a tag is masked. -#}
{% macro flat_tags(attributes, tags) -%}
    '{"tags": ' || case
        when coalesce({{ tags }}, '') not like '[%' then '[]'
        when {{ tags }} like '%"User-Agent:%' or {{ tags }} like '%@%'
            then {{ replace_pattern(replace_pattern(replace_pattern(
                tags, '"User-Agent:[^"]*"(, ?)?', ''), ', ?]$', ']'), '"[^"]*@[^"]*"', '"masked"') }}
        else {{ tags }}
    end
    {%- for name, text in attributes.items() %}
    || coalesce(', "{{ name }}": "' || {{ escaped_json_text("nullif(" ~ text ~ ", '')") }} || '"', '')
    {%- endfor %} || '}'
{%- endmacro %}

{#- Text as it stands inside a JSON string. chr(92) is the backslash, which the engines quote differently. -#}
{% macro escaped_json_text(text) -%}
    replace(replace({{ text }}, chr(92), chr(92) || chr(92)), '"', chr(92) || '"')
{%- endmacro %}
