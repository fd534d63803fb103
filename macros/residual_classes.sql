{#- Names of the differences between a bill and what was rated, in the order in which they are taken off. -#}
{% macro residual_classes() -%}
    {{ return([
        'timing', 'duplicates', 'bypass', 'missing_telemetry', 'unexplained_quantity', 'price',
        'fixed_fee', 'credit', 'fx', 'tax', 'rounding',
    ]) }}
{%- endmacro %}
