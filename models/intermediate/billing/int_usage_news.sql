with

usage as (
    select
        billing_month,
        known_month,
        segment_id
    from {{ ref('int_usage_daily') }}
    group by billing_month, known_month, segment_id
),

graduated_months as (
    select distinct
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        utc_month,
        billing_month,
        known_month,
        segment_id
    from {{ ref('int_graduated_units_monthly') }}
),

-- By the clock of an account elsewhere two months of the ledger climb with one volume:
-- what becomes known of one of them changes what the other costs.
other_months as (

    select
        graduated_months.billing_month,
        others.known_month,
        others.segment_id
    from graduated_months
    inner join graduated_months as others
        on
            graduated_months.billing_account_id = others.billing_account_id
            and graduated_months.provider_id = others.provider_id
            and graduated_months.model_id = others.model_id
            and graduated_months.price_mode = others.price_mode
            and graduated_months.utc_month = others.utc_month
            and graduated_months.billing_month <> others.billing_month

),

final as (

    select * from usage
    union distinct
    select * from other_months

)

select * from final
