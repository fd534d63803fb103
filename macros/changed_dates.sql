{#- Dates on which `days` carries another inputs_version than this model's rows: those to build again.
    They come from the data, so a row may arrive however late. -#}
{% macro changed_dates(days, date_column) -%}
    {%- set changed -%}
        select cast(coalesce(days.{{ date_column }}, built.{{ date_column }}) as varchar) as changed_date
        from {{ days }} as days
        full outer join (
            select {{ date_column }}, min(inputs_version) as lowest, max(inputs_version) as highest
            from {{ this }}
            group by {{ date_column }}
        ) as built
            on days.{{ date_column }} = built.{{ date_column }}
        where
            built.lowest is null
            or days.inputs_version is null
            or built.lowest <> days.inputs_version
            or built.highest <> days.inputs_version
        order by changed_date
    {%- endset -%}
    {{ return(run_query(changed).columns[0].values() | list if execute else []) }}
{%- endmacro %}

{#- A timestamp falls on one of the dates: half-open ranges of literals, which both engines can use to
    skip files and partitions. A null time counts as the date that stands for it, 1900-01-01. -#}
{% macro falls_on_dates(timestamp, dates) -%}
    {%- set one_day = modules.datetime.timedelta(days=1) -%}
    {%- set ranges = [] -%}
    {%- for text in dates | sort -%}
        {%- set day = modules.datetime.datetime.strptime(text, '%Y-%m-%d') -%}
        {%- if ranges and ranges[-1][1] == day -%}
            {%- do ranges.append((ranges.pop()[0], day + one_day)) -%}
        {%- else -%}
            {%- do ranges.append((day, day + one_day)) -%}
        {%- endif -%}
    {%- endfor -%}
    (
        {%- for first, last in ranges %}
        ({{ timestamp }} >= cast('{{ first }}' as timestamp) and {{ timestamp }} < cast('{{ last }}' as timestamp)) or
        {%- endfor %}
        {{ timestamp ~ ' is null' if '1900-01-01' in dates else '1 = 0' }}
    )
{%- endmacro %}
