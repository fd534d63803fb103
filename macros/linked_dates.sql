{#- The dates to build again, with every other date on which `linked_in` has a row that shares one of the
    keys with them, in the old rows of `built` (default: this model) or in the new ones of `changed_in`:
    such rows depend on each other across dates. -#}
{% macro linked_dates(linked_in, changed_in, keys, dates, built=none) -%}
    {%- if dates | length == 0 -%} {{ return([]) }} {%- endif -%}
    {%- set linked -%}
        {%- for key in keys %}
        select cast(attempt_date as varchar) as linked_date
        from {{ linked_in }}
        where {{ key }} in (
            select {{ key }} from {{ changed_in }} where {{ falls_on_dates('started_at', dates) }}
            union all
            select {{ key }} from {{ built or this }} where {{ falls_on_dates('started_at', dates) }}
        )
        group by cast(attempt_date as varchar)
        {{ 'union' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {{ return((dates + (run_query(linked).columns[0].values() | list)) | unique | sort) }}
{%- endmacro %}

{#- The dates to build again, with every other date on which `linked_in` has a row with a key that came to
    them or left them: a key that has accepted rows on a date only in `changed_in`, or only in this model. -#}
{% macro dates_of_moved_keys(linked_in, changed_in, key, dates) -%}
    {%- if dates | length == 0 -%} {{ return([]) }} {%- endif -%}
    {%- set moved -%}
        with new_keys as (
            select distinct attempt_date, {{ key }} from {{ changed_in }}
            where {{ falls_on_dates('started_at', dates) }} and quarantine_reason is null and not is_superseded
        ),
        old_keys as (select distinct attempt_date, {{ key }} from {{ this }} where {{ falls_on_dates('started_at', dates) }}),
        moved_keys as (
            (select * from new_keys except select * from old_keys)
            union all
            (select * from old_keys except select * from new_keys)
        )
        select cast(attempt_date as varchar) as linked_date
        from {{ linked_in }}
        where {{ key }} in (select {{ key }} from moved_keys)
        group by cast(attempt_date as varchar)
    {%- endset -%}
    {{ return((dates + (run_query(moved).columns[0].values() | list)) | unique | sort) }}
{%- endmacro %}
