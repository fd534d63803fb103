{%- set fields = {'cost_center': 'cost_center', 'business_unit': 'business_unit'} -%}

with

source as (
    {{ raw_rows('litellm', 'teams') }}
),

parsed as (

    select
        source.*,
        {{ json_document("coalesce(nullif(metadata, ''), '{}')", fields) }} as document
    from source

),

documents as (

    select
        parsed.*,
        {{ json_columns('document', fields) }}
    from parsed

),

renamed as (

    select
        team_id,
        team_alias,
        cost_center as cost_center_tag,
        business_unit as business_unit_tag,
        coalesce(blocked, false) as is_blocked,
        created_at
    from documents

)

select * from renamed
