-- Grain: one row per raw file, reason and kind of items that are left out of a mart or a figure.

with

left_out as (
    {% for model in var('left_out_items') -%}
        select * from {{ ref(model) }}
        {{ 'union all' if not loop.last }}
    {% else -%}
        select
            cast(null as {{ type_string() }}) as source_file,
            cast(null as {{ type_string() }}) as source_name,
            cast(null as {{ type_string() }}) as table_name,
            cast(null as {{ type_string() }}) as reason,
            cast(null as {{ type_string() }}) as kind,
            cast(null as {{ type_string() }}) as counted_as,
            cast(null as {{ type_bigint() }}) as items
        where false
    {%- endfor %}
)

select
    source_file,
    source_name,
    table_name,
    reason,
    kind,
    counted_as,
    items,
    {{ build_number() }} as build_number
from left_out
