{% for family in [
    'metered_charges', 'used_capacity_charges', 'unused_capacity_charges',
    'invoice_charges', 'true_ups',
] -%}
select * from {{ ref('int_focus_' ~ family) }}
{% if not loop.last %}union all
{% endif -%}
{%- endfor %}
