with

attempts as (
    select
        attempt_id,
        attempt_date,
        provider_id,
        model_id,
        price_mode,
        coalesce(billing_account_id, '*') as billing_account_id,
        price_id,
        {%- for token_class in priced_token_classes() %}
        {{ token_class }}_tokens,
        {%- endfor %}
        billing_status
    from {{ ref('int_attempts_carded') }}
    where
        has_graduated_price
        and is_graduated
        and billing_status = 'billable'
        and quarantine_reason is null
        and not is_superseded
),

steps as (
    select distinct
        price_id,
        price_purpose,
        token_class,
        price_row_id,
        unit_price_usd
    from {{ ref('int_price_card_rows') }}
    where
        is_graduated
        and price_purpose in ('list', 'contracted')
        and known_until_month = cast('9999-12-01' as date)
),

ladders as (

    select
        price_id,
        price_purpose,
        token_class,
        {{ dbt.listagg(
            measure="price_row_id || '|' || cast(unit_price_usd as varchar)",
            delimiter_text="','",
            order_by_clause="order by price_row_id"
        ) }} as ladder
    from steps
    group by price_id, price_purpose, token_class

),

-- Cards with the same steps share the volume of a month: a new price of another class
-- must not start it again. The first of them stands for all.
graduated_prices as (

    select
        price_id,
        price_purpose,
        token_class,
        min(price_id) over (partition by price_purpose, token_class, ladder)
            as ladder_price_id
    from ladders

),

by_class as (

    {% for token_class in priced_token_classes() -%}
    select
        attempt_id,
        attempt_date,
        provider_id,
        model_id,
        price_mode,
        billing_account_id,
        price_id,
        '{{ token_class }}' as token_class,
        {{ token_class }}_tokens as units
    from attempts
    where {{ token_class }}_tokens > 0
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

-- One row per attempt, class and purpose whose price depends on the
-- volume of the month.
final as (

    select
        by_class.attempt_id,
        by_class.attempt_date,
        cast({{ dbt.date_trunc('month', 'by_class.attempt_date') }} as date)
            as usage_month,
        by_class.provider_id,
        by_class.model_id,
        by_class.price_mode,
        by_class.billing_account_id,
        graduated_prices.ladder_price_id as price_id,
        by_class.token_class,
        graduated_prices.price_purpose,
        by_class.units
    from by_class
    inner join graduated_prices
        on
            by_class.price_id = graduated_prices.price_id
            and by_class.token_class = graduated_prices.token_class

)

select * from final
