{#-
    A select of a raw table's accounting, one row per raw file, for a case's `…__accounting`. What
    is kept is counted in the mart, so that a row lost on the way there shows.
-#}
{% macro outcomes_per_file(source_name, table_name, records, mart=none, has_key=true) -%}
    select
        items_per_file.source_file,
        {{ literal(source_name) }} as source_name,
        {{ literal(table_name) }} as table_name,
        items_per_file.items,
        items_per_file.rejected,
        items_per_file.left_out,
        items_per_file.duplicate,
        items_per_file.superseded,
        cast(0 as {{ type_bigint() }}) as redelivered,
        {{ 'coalesce(kept_per_file.kept, 0)' if mart else 'items_per_file.kept' }} as kept
    from (
        select
            source_file,
            count(*) as items,
            {% if has_key -%}
            {% for outcome in ['rejected', 'left_out', 'duplicate', 'superseded', 'kept'] -%}
            count(case when outcome = '{{ outcome }}' then 1 end) as {{ outcome }}
            {{- ',' if not loop.last }}
            {% endfor -%}
            {%- else -%}
            count(rejection_reason) as rejected,
            cast(0 as {{ type_bigint() }}) as left_out,
            cast(0 as {{ type_bigint() }}) as duplicate,
            cast(0 as {{ type_bigint() }}) as superseded,
            count(*) - count(rejection_reason) as kept
            {%- endif %}
        from {{ records }}
        group by source_file
    ) as items_per_file
    {%- if mart %}
    left join (
        select
            source_file,
            count(*) as kept
        from {{ mart }}
        group by source_file
    ) as kept_per_file on items_per_file.source_file = kept_per_file.source_file
    {%- endif %}
{%- endmacro %}
