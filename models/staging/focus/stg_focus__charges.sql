{#- Texts of a charge, without the words that exports write for a null. -#}
{%- set texts = (
    'invoiceid invoicedetailid invoiceissuername providername serviceprovidername'
    ~ ' hostprovidername billingaccountid billingaccountname billingaccounttype'
    ~ ' subaccountid subaccountname subaccounttype billingcurrency pricingcurrency'
    ~ ' chargecategory chargeclass chargedescription chargefrequency servicecategory'
    ~ ' servicesubcategory servicename resourceid resourcename resourcetype regionid'
    ~ ' regionname skuid skumeter skupriceid skupricedetails pricingcategory pricingunit'
    ~ ' consumedunit commitmentdiscountid commitmentdiscountcategory'
    ~ ' commitmentdiscounttype commitmentdiscountstatus commitmentdiscountunit'
    ~ ' capacityreservationid capacityreservationstatus tags x_documenttype'
    ~ ' x_referenceinvoiceid'
).split() -%}
{%- set numbers = (
    'billedcost effectivecost listcost contractedcost listunitprice contractedunitprice'
    ~ ' pricingquantity consumedquantity commitmentdiscountquantity'
).split() -%}
{%- set times = (
    'billingperiodstart billingperiodend chargeperiodstart chargeperiodend'
).split() -%}
{#- What makes two charges of one delivery the same line: what was charged, to whom, for
    which time. Amounts, names, words and tags may change when a line is sent again. -#}
{%- set identity = (
    'invoiceid invoicedetailid x_referenceinvoiceid invoiceissuername billingaccountid'
    ~ ' subaccountid chargecategory chargeclass chargefrequency servicename resourceid'
    ~ ' regionid skuid skumeter skupriceid pricingcategory commitmentdiscountid'
    ~ ' commitmentdiscountstatus capacityreservationid capacityreservationstatus'
).split() -%}
{%- set details = {
    'detail_model': 'x_ModelId',
    'detail_model_id': 'ModelId',
    'detail_direction': 'x_TokenDirection',
    'detail_cache_action': 'x_TokenCacheAction',
    'detail_service_tier': 'x_ServiceTier',
} -%}

with

source as (
    {{ raw_rows('focus', 'charges') }}
),

cleaned as (

    select
        {%- for column in texts %}
        {{ bill_text(column) }} as {{ column }},
        {%- endfor %}
        {%- for column in numbers %}
        try_cast({{ bill_text(column) }} as numeric(38, 12)) as {{ column }},
        {%- endfor %}
        {%- for column in times %}
        {{ column }},
        {%- endfor %}
        try_cast({{ bill_text('x_invoicetotal') }} as numeric(38, 12)) as invoice_total,
        x_versionno,
        x_issuedat,
        coalesce(_loaded_at, x_issuedat, billingperiodend, chargeperiodend)
            as arrived_at
    from source

),

hashed as (

    select
        *,
        {{ record_fingerprint(texts + numbers + times) }} as content_hash,
        {{ json_document("coalesce(skupricedetails, '{}')", details) }}
            as details_document,
        {{ dbt.hash(joined_key(identity, times)) }} as charge_key
    from cleaned

),

-- Charges of one delivery that differ in their amounts alone are several lines.
numbered as (

    select
        *,
        {{ json_columns('details_document', details) }},
        dense_rank() over (
            partition by charge_key, arrived_at order by billedcost, content_hash
        ) as occurrence
    from hashed

),

-- A credit for a period that was invoiced before is a document of its own. A charge
-- without an invoice may still change.
documented as (

    select
        * exclude (details_document, charge_key, occurrence),
        charge_key || '-' || cast(occurrence as varchar) as record_id,
        min(arrived_at) over (
            partition by charge_key, occurrence, content_hash
        ) as first_arrived_at,
        coalesce(serviceprovidername, providername) as sold_by,
        lower(coalesce(skumeter, skuid)) as meter,
        lower(detail_service_tier) as service_tier,
        case
            when x_documenttype in ('invoice', 'credit_memo', 'provisional')
                then x_documenttype
            when invoiceid is null then 'provisional'
            when chargecategory = 'Credit' and chargeclass = 'Correction'
                then 'credit_memo'
            else 'invoice'
        end as document_type
    from numbered

),

-- Read from what the bill says in so many words; null where it says nothing.
final as (

    select
        *,
        case
            when meter = 'input tokens' then 'input_uncached'
            when meter = 'output tokens' then 'output'
            when meter = 'input cache read tokens' then 'cache_read'
            when meter = 'input cache write tokens' then 'cache_write_5m'
            when meter = 'input cache write 5m tokens' then 'cache_write_5m'
            when meter = 'input cache write 1h tokens' then 'cache_write_1h'
            when meter = 'input audio tokens' then 'input_audio'
            when meter = 'output audio tokens' then 'output_audio'
            when meter = 'input image tokens' then 'input_image'
            when detail_direction = 'Output' then 'output'
            when detail_direction || detail_cache_action = 'InputNone'
                then 'input_uncached'
            when detail_direction || detail_cache_action = 'InputRead' then 'cache_read'
            when detail_direction || detail_cache_action = 'InputWrite'
                then 'cache_write_5m'
            when meter like '%-cache-read-input-token-count' then 'cache_read'
            when meter like '%-cache-write-input-token-count' then 'cache_write_5m'
            when meter like '%-input-tokens' then 'input_uncached'
            when meter like '%-output-tokens' then 'output'
        end as token_class,
        case
            when pricingcategory = 'Committed' then 'committed'
            when service_tier in ('batch', 'priority', 'flex') then service_tier
            when service_tier in ('standard', 'default', 'on_demand') then 'on_demand'
        end as pricing_mode
    from documented

)

select * from final
