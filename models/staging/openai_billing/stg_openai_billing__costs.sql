with

source as (
    {{ raw_rows('openai_billing', 'costs') }}
)

select * from source
