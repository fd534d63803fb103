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

-- A line taken over from a bill says who sent it; for the rest the account does, and
-- for an account that nobody knows the call.
sold as (

    select
        charges.* exclude (
            billing_currency, invoice_issuer_name, service_provider_name,
            host_provider_name, charge_period_end
        ),
        bills.invoice_id,
        coalesce(bills.invoice_status, 'estimated') as invoice_status,
        coalesce(charges.billing_currency, months.billing_currency)
            as billing_currency,
        coalesce(
            charges.invoice_issuer_name,
            bills.invoice_issuer_name,
            months.invoice_issuer_name,
            charges.provider_id,
            'UNKNOWN'
        ) as invoice_issuer_name,
        coalesce(
            charges.service_provider_name,
            months.service_provider_name,
            charges.provider_id,
            'UNKNOWN'
        ) as service_provider_name,
        coalesce(
            charges.host_provider_name,
            months.host_provider_name,
            charges.provider_id,
            'UNKNOWN'
        ) as host_provider_name,
        months.billing_account_name,
        months.billing_account_type,
        months.service_name as account_service_name,
        models.model_developer,
        models.model_family,
        coalesce(
            charges.billing_period_start,
            bills.billing_period_start,
            months.month_starts_at
        ) as invoice_period_start,
        coalesce(
            charges.billing_period_end, bills.billing_period_end, months.month_ends_at
        ) as invoice_period_end,
        coalesce(charges.charge_period_end, months.month_ends_at) as charge_period_end,
        coalesce(charges.service_category, 'AI and Machine Learning') as category
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

),

-- Names for what the bill leaves open.
final as (

    select
        * exclude (
            billing_period_start, billing_period_end, invoice_period_start,
            invoice_period_end, service_name, service_category, service_subcategory,
            category, account_service_name, pricing_currency,
            pricing_currency_list_unit_price, pricing_currency_contracted_unit_price,
            pricing_currency_effective_cost
        ),
        invoice_period_start as billing_period_start,
        invoice_period_end as billing_period_end,
        coalesce(model_developer, service_provider_name) as publisher_name,
        category as service_category,
        coalesce(
            service_subcategory,
            case
                when category = 'AI and Machine Learning' then 'Generative AI'
                else 'Other (' || category || ')'
            end
        ) as service_subcategory,
        coalesce(
            service_name,
            case
                when category <> 'AI and Machine Learning'
                    then service_provider_name || ' ' || category
                else
                    coalesce(
                        account_service_name, service_provider_name || ' Inference'
                    )
            end
        ) as service_name,
        coalesce(pricing_currency, billing_currency) as pricing_currency,
        case
            when pricing_currency is null then list_unit_price
            else pricing_currency_list_unit_price
        end as pricing_currency_list_unit_price,
        case
            when pricing_currency is null then contracted_unit_price
            else pricing_currency_contracted_unit_price
        end as pricing_currency_contracted_unit_price,
        coalesce(pricing_currency_effective_cost, effective_cost)
            as pricing_currency_effective_cost
    from sold

)

select * from final
