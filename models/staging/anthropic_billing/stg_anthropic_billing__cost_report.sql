with

source as (
    {{ raw_rows('anthropic_billing', 'cost_report') }}
)

select * from source
