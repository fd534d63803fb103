with

placed as (
    select * from {{ ref('int_invoice_lines_placed') }}
),

copies as (

    select
        *,
        row_number() over (
            partition by invoice_line_id, version_no, record_hash order by ingested_at
        ) as copy_number,
        coalesce(sku_id, '') <> '' as has_sku,
        -- What a line without a SKU is recognized by when its invoice comes.
        coalesce(sub_account_id, 'default') || '|' || coalesce(
            model_id || '|' || token_class, sku_meter, charge_description, ''
        ) as use_key
    from placed

),

usable as (

    select
        *,
        copy_number = 1 and own_reason is null as is_usable
    from copies

),

ordered as (

    select
        *,
        row_number() over (
            partition by invoice_line_id, version_no, is_usable
            order by ingested_at, record_hash
        ) as content_number,
        lead(ingested_at) over (
            partition by invoice_line_id, version_no, is_usable
            order by ingested_at, record_hash
        ) as next_content_at,
        count(*) over (
            partition by invoice_line_id, version_no, is_usable
        ) as contents
    from usable

),

versions as (

    select
        invoice_line_id,
        version_no,
        min(ingested_at) as received_at,
        min(case when is_usable then ingested_at end) as usable_at
    from ordered
    where copy_number = 1
    group by invoice_line_id, version_no

),

later_versions as (

    select
        invoice_line_id,
        version_no,
        min(received_at) over (
            partition by invoice_line_id order by version_no desc
            rows between unbounded preceding and 1 preceding
        ) as later_received_at,
        min(usable_at) over (
            partition by invoice_line_id order by version_no desc
            rows between unbounded preceding and 1 preceding
        ) as later_usable_at
    from versions

),

invoices as (

    select
        billing_account_id,
        invoice_id,
        min(ingested_at) as invoice_known_at
    from ordered
    where is_usable and document_type = 'invoice' and invoice_id is not null
    group by billing_account_id, invoice_id

),

invoiced as (

    select
        billing_account_id,
        billing_month,
        charge_category,
        'sku|' || sku_id as final_key,
        ingested_at
    from ordered
    where is_usable and document_type = 'invoice' and has_sku
    union all
    select
        billing_account_id,
        billing_month,
        charge_category,
        'use|' || use_key as final_key,
        ingested_at
    from ordered
    where is_usable and document_type = 'invoice'

),

finals as (

    select
        billing_account_id,
        billing_month,
        charge_category,
        final_key,
        min(ingested_at) as final_known_at
    from invoiced
    group by billing_account_id, billing_month, charge_category, final_key

),

final as (

    select
        ordered.*,
        invoices.invoice_known_at,
        finals.final_known_at,
        case
            when ordered.own_reason is null then later_versions.later_usable_at
            else later_versions.later_received_at
        end as next_version_at,
        -- Two contents of one version: the first holds until the second arrives.
        case
            when not ordered.is_usable or ordered.contents = 1 then null
            when ordered.content_number = 1 then ordered.next_content_at
            else ordered.ingested_at
        end as contradicted_at
    from ordered
    left join later_versions
        on
            ordered.invoice_line_id = later_versions.invoice_line_id
            and ordered.version_no = later_versions.version_no
    left join invoices
        on
            ordered.document_type = 'credit_memo'
            and ordered.billing_account_id = invoices.billing_account_id
            and ordered.reference_invoice_id = invoices.invoice_id
    left join finals
        on
            ordered.document_type = 'provisional'
            and ordered.billing_account_id = finals.billing_account_id
            and ordered.billing_month = finals.billing_month
            and ordered.charge_category = finals.charge_category
            and finals.final_key
            = case
                when ordered.has_sku then 'sku|' || ordered.sku_id
                else 'use|' || ordered.use_key
            end

)

select * from final
