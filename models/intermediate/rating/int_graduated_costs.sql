with

usage as (
    select * from {{ ref('int_graduated_usage') }}
),

volumes as (
    select * from {{ ref('int_graduated_volumes_monthly') }}
),

-- In whole units of the twelfth decimal, so that nothing is lost in the division.
shares as (

    select
        usage.*,
        cast(volumes.total_cost_usd * 1000000000000 as decimal(38, 0)) as total_parts,
        {{ whole_quotient(
            'cast(volumes.total_cost_usd * 1000000000000 as decimal(38, 0))'
            ~ ' * usage.units',
            'volumes.total_units'
        ) }} as share_parts
    from usage
    inner join volumes
        on
            usage.usage_month = volumes.usage_month
            and usage.billing_account_id = volumes.billing_account_id
            and usage.price_id = volumes.price_id
            and usage.token_class = volumes.token_class
            and usage.price_purpose = volumes.price_purpose

),

-- What rounding down leaves goes to the attempt with the most units:
-- the month adds up exactly.
completed as (

    select
        shares.*,
        cast(
            shares.share_parts + case
                when
                    row_number() over (
                        partition by
                            shares.usage_month,
                            shares.billing_account_id,
                            shares.price_id,
                            shares.token_class,
                            shares.price_purpose
                        order by shares.units desc, shares.attempt_id asc
                    ) = 1
                    then shares.total_parts - sum(shares.share_parts) over (
                        partition by
                            shares.usage_month,
                            shares.billing_account_id,
                            shares.price_id,
                            shares.token_class,
                            shares.price_purpose
                    )
                else 0
            end as decimal(26, 0)
        ) * cast(0.000000000001 as decimal(12, 12)) as cost_usd
    from shares

),

final as (

    select
        attempt_id,
        {%- for token_class in priced_token_classes() %}
        cast(
            sum(
                case
                    when
                        price_purpose = 'contracted'
                        and token_class = '{{ token_class }}'
                        then cost_usd
                end
            ) as decimal(38, 12)
        ) as contracted_graduated_{{ token_class }}_usd,
        {%- endfor %}
        cast(sum(case when price_purpose = 'list' then cost_usd end) as decimal(38, 12))
            as list_graduated_cost_usd,
        cast(
            sum(case when price_purpose = 'contracted' then cost_usd end)
            as decimal(38, 12)
        ) as contracted_graduated_cost_usd
    from completed
    group by attempt_id

)

select * from final
