{#- Fails for each class of tokens that is metered or covered in another number than calls used: nothing is
    dropped, nothing is counted twice. -#}
{% test focus_tokens_are_those_of_the_attempts(model) %}
with

charged as (
    select
        "x_TokenClass" as token_class,
        sum("ConsumedQuantity") as tokens
    from {{ model }}
    where "x_ChargeFamily" in ('metered', 'used_capacity') and "ConsumedUnit" = 'Tokens'
    group by "x_TokenClass"
),

used as (
    {%- for token_class in priced_token_classes() %}
    select
        '{{ token_class }}' as token_class,
        coalesce(sum({{ token_class }}_tokens), 0) as tokens
    from {{ ref('fct_attempts') }}
    where is_cost_bearing and billing_status = 'billable'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    used.token_class,
    used.tokens as used_tokens,
    charged.tokens as charged_tokens
from used
left join charged
    on used.token_class = charged.token_class
where used.tokens <> coalesce(charged.tokens, 0)
{% endtest %}
