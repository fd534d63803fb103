{#- What one attempt is charged for: a row per token class and meter, then the fact.

    dbt show --select explain_attempt_cost --limit -1 --vars '{attempt_id: <id>}'

    Without the var: the attempt with the highest contracted cost. -#}
{%- set wanted = var('attempt_id', '') | string | replace("'", "''") -%}

with

attempts as (
    select * from {{ ref('fct_attempts') }}
    {%- if wanted %}
    where attempt_id = '{{ wanted }}'
    {%- endif %}
    qualify
        row_number() over (
            order by coalesce(contracted_cost_usd, 0) desc, attempt_id asc
        ) = 1
),

-- One row per price of a card; several where the price depends on the month's volume.
card_rows as (
    select * from {{ ref('dim_price_card_rows') }}
    where price_purpose = 'contracted'
),

volumes as (
    select * from {{ ref('int_graduated_volumes_monthly') }}
    where price_purpose = 'contracted'
),

metered_attempts as (
    select
        attempt_id,
        other_meters
    from attempts
    where other_meters is not null
),

meters as (
    {{ json_numbers('metered_attempts', 'attempt_id', 'other_meters') }}
),

units_by_class as (

    {% for token_class in priced_token_classes() -%}
    select
        attempts.attempt_id,
        '{{ token_class }}' as token_class,
        cast(attempts.{{ token_class }}_tokens as decimal(20, 6)) as units
    from attempts
    where attempts.{{ token_class }}_tokens > 0
    union all
    {% endfor -%}
    select
        meters.attempt_id,
        meters.meter as token_class,
        meters.units
    from meters
    where meters.units > 0

),

prices as (

    select
        price_id,
        token_class,
        min(price_row_id) as price_row_id,
        count(*) as price_rows,
        min(unit_price_usd) as unit_price_usd,
        min(unit_quantity) as unit_quantity,
        max(case when is_graduated then 1 else 0 end) = 1 as is_graduated
    from card_rows
    group by price_id, token_class

),

priced as (

    select
        units_by_class.attempt_id,
        units_by_class.token_class,
        units_by_class.units,
        prices.price_row_id,
        prices.price_rows,
        prices.unit_price_usd,
        prices.unit_quantity,
        coalesce(prices.is_graduated, false) as is_graduated,
        attempts.billing_status,
        volumes.total_units as month_units,
        volumes.total_cost_usd as month_cost_usd
    from units_by_class
    inner join attempts
        on units_by_class.attempt_id = attempts.attempt_id
    left join prices
        on
            attempts.price_id = prices.price_id
            and units_by_class.token_class = prices.token_class
    left join volumes
        on
            attempts.price_id = volumes.price_id
            and units_by_class.token_class = volumes.token_class
            and coalesce(attempts.billing_account_id, '*') = volumes.billing_account_id
            and cast({{ dbt.date_trunc('month', 'attempts.attempt_date') }} as date)
            = volumes.usage_month

),

-- What a graduated price leaves after rounding down belongs to the attempt with the
-- most units of its month, and stands in a line of its own.
amounts as (

    select
        priced.*,
        case
            when priced.billing_status = 'not_billable' then cast(0 as decimal(38, 18))
            when priced.billing_status = 'usage_unknown' then null
            when priced.is_graduated
                then cast({{ whole_quotient(
                    'cast(priced.month_cost_usd * 1000000000000 as decimal(38, 0))'
                    ~ ' * cast(priced.units as decimal(20, 0))',
                    'priced.month_units'
                ) }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12))
            else
                cast(priced.units as decimal(20, 3))
                * cast(priced.unit_price_usd as decimal(18, 12))
                * case priced.unit_quantity
                    when 1 then cast(1 as decimal(10, 9))
                    when 1000 then cast(0.001 as decimal(10, 9))
                    when 1000000 then cast(0.000001 as decimal(10, 9))
                    when 1000000000 then cast(0.000000001 as decimal(10, 9))
                end
        end as amount_usd
    from priced

),

explained as (

    select
        attempt_id,
        cast(sum(amount_usd) as decimal(38, 12)) as amount_usd
    from amounts
    group by attempt_id
    having count(*) = count(amount_usd)

),

final as (

    select
        1 as line_order,
        token_class as line,
        units,
        case when price_rows > 1 then 'graduated' else price_row_id end as price_row_id,
        case when price_rows > 1 then null else unit_price_usd end as unit_price_usd,
        unit_quantity,
        amount_usd,
        case
            when billing_status <> 'billable' then billing_status
            when price_row_id is null then 'no_price'
            when is_graduated then 'share of the month at its blended price'
        end as note
    from amounts

    union all

    select
        2 as line_order,
        'rounding' as line,
        null as units,
        null as price_row_id,
        null as unit_price_usd,
        null as unit_quantity,
        attempts.contracted_cost_usd - explained.amount_usd as amount_usd,
        'left over from the graduated prices of the month' as note
    from attempts
    inner join explained
        on attempts.attempt_id = explained.attempt_id
    where attempts.contracted_cost_usd <> explained.amount_usd

    union all

    select
        3 as line_order,
        'attempt ' || attempts.attempt_id as line,
        null as units,
        attempts.price_id as price_row_id,
        null as unit_price_usd,
        null as unit_quantity,
        attempts.contracted_cost_usd as amount_usd,
        coalesce(
            attempts.unpriced_reason,
            attempts.provider_id || ' ' || attempts.model_id
            || ' ' || attempts.pricing_mode
        ) as note
    from attempts

)

select * from final
order by line_order, line
