with

charges as (
    select * from {{ ref('int_focus_charges_unioned') }}
),

months as (
    select * from {{ ref('int_focus_months') }}
),

bills as (
    select * from {{ ref('int_focus_bills') }}
),

models as (
    {{ latest_rows(ref('models'), 'model_id') }}
),

-- Who sends the bill, for which account, period and service, in which currency.
final as (

    select
        charges.* exclude (
            billing_period_start, billing_period_end, service_name, service_category,
            service_subcategory, pricing_currency, pricing_currency_list_unit_price,
            pricing_currency_contracted_unit_price, pricing_currency_effective_cost
        ),
        models.model_developer,
        models.model_family,
        bills.invoice_id,
        coalesce(bills.invoice_status, 'estimated') as invoice_status,
        coalesce(
            charges.billing_period_start,
            bills.billing_period_start,
            months.month_starts_at
        ) as billing_period_start,
        coalesce(
            charges.billing_period_end, bills.billing_period_end, months.month_ends_at
        ) as billing_period_end,
        months.billing_account_name,
        months.billing_account_type,
        coalesce(bills.billing_currency, months.billing_currency) as billing_currency,
        coalesce(bills.invoice_issuer_name, months.invoice_issuer_name)
            as invoice_issuer_name,
        months.service_provider_name,
        months.host_provider_name,
        coalesce(models.model_developer, months.service_provider_name)
            as publisher_name,
        coalesce(charges.service_category, 'AI and Machine Learning')
            as service_category,
        coalesce(
            charges.service_subcategory,
            case
                when charges.service_category <> 'AI and Machine Learning'
                    then 'Other (' || charges.service_category || ')'
                else 'Generative AI'
            end
        ) as service_subcategory,
        coalesce(
            charges.service_name,
            case
                when charges.service_category <> 'AI and Machine Learning'
                    then months.service_provider_name || ' ' || charges.service_category
                else months.service_name
            end
        ) as service_name,
        coalesce(
            charges.pricing_currency, bills.billing_currency, months.billing_currency
        ) as pricing_currency,
        case
            when charges.pricing_currency is null then charges.list_unit_price
            else charges.pricing_currency_list_unit_price
        end as pricing_currency_list_unit_price,
        case
            when charges.pricing_currency is null then charges.contracted_unit_price
            else charges.pricing_currency_contracted_unit_price
        end as pricing_currency_contracted_unit_price,
        coalesce(charges.pricing_currency_effective_cost, charges.effective_cost)
            as pricing_currency_effective_cost
    from charges
    inner join months
        on
            charges.billing_account_id = months.billing_account_id
            and charges.billing_month = months.billing_month
    left join bills
        on
            charges.billing_account_id = bills.billing_account_id
            and charges.bill_id = bills.bill_id
    left join models
        on charges.model_id = models.model_id

)

select * from final
