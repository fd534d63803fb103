with

charges as (
    select * from {{ ref('stg_focus__charges') }}
),

final as (

    select
        billingaccountid as billing_account_id,
        invoiceid as invoice_id,
        invoice_total,
        arrived_at as ingested_at
    from charges
    where
        invoiceid is not null
        and invoice_total is not null
        and {{ is_known("coalesce(arrived_at, cast('1900-01-01' as timestamp))") }}
    qualify row_number() over (
        partition by billingaccountid, invoiceid
        order by coalesce(x_versionno, 1) desc, arrived_at desc, invoice_total desc
    ) = 1

)

select * from final
