with

accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

bill_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
),

usage as (
    select * from {{ ref('int_usage_daily') }}
),

named_by_bills as (

    select
        billing_account_id,
        min(billing_account_name) as billing_account_name,
        min(billing_account_type) as billing_account_type,
        min(billing_currency) as billing_currency,
        min(provider_id) as provider_id,
        min(invoice_issuer_name) as invoice_issuer_name,
        min(service_provider_name) as service_provider_name,
        min(host_provider_name) as host_provider_name,
        min(
            case when service_category = 'AI and Machine Learning' then service_name end
        ) as service_name
    from bill_lines
    group by billing_account_id

),

account_ids as (

    select billing_account_id from accounts
    union distinct
    select billing_account_id from named_by_bills
    union distinct
    select billing_account_id from usage

),

named as (

    select
        account_ids.billing_account_id,
        coalesce(
            accounts.billing_account_name,
            named_by_bills.billing_account_name,
            account_ids.billing_account_id
        ) as billing_account_name,
        coalesce(named_by_bills.billing_account_type, 'Organization')
            as billing_account_type,
        coalesce(accounts.billing_currency, named_by_bills.billing_currency, 'USD')
            as billing_currency,
        coalesce(accounts.billing_time_zone, 'UTC') as billing_time_zone,
        coalesce(accounts.provider_id, named_by_bills.provider_id) as provider_id,
        named_by_bills.invoice_issuer_name,
        named_by_bills.service_provider_name,
        named_by_bills.host_provider_name,
        named_by_bills.service_name
    from account_ids
    left join accounts
        on account_ids.billing_account_id = accounts.billing_account_id
    left join named_by_bills
        on account_ids.billing_account_id = named_by_bills.billing_account_id

),

-- An account that no bill has named yet goes by its provider; null where nobody knows
-- the account.
final as (

    select
        billing_account_id,
        billing_account_name,
        billing_account_type,
        billing_currency,
        billing_time_zone,
        provider_id,
        coalesce(service_provider_name, provider_id) as service_provider_name,
        coalesce(host_provider_name, service_provider_name, provider_id)
            as host_provider_name,
        coalesce(invoice_issuer_name, service_provider_name, provider_id)
            as invoice_issuer_name,
        coalesce(
            service_name, coalesce(service_provider_name, provider_id) || ' Inference'
        ) as service_name
    from named

)

select * from final
