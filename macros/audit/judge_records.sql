{#-
    The CTEs `ranked` and `judged` over a CTE of records that carry their origin and a
    rejection_reason. `judged` adds `outcome`: `rejected`; of accepted records with the same key
    `kept` for the last in file order (the greatest path in byte order, then the greatest record);
    `duplicate` for one that equals it in every compared column, null equal to null, else
    `superseded`.
-#}
{% macro judge_records(records, key, compared) -%}
ranked as (
    select
        *,
        row_number() over competitors as place,
        {% for column in compared -%}
        ({{ column }} is not distinct from first_value({{ column }}) over competitors)
        {{ 'and ' if not loop.last else 'as equals_winner' }}
        {%- endfor %}
    from {{ records }}
    window competitors as (
        partition by {{ key | join(', ') }}, rejection_reason is null
        order by source_file desc, source_record desc
    )
),

judged as (
    select
        *,
        case
            when rejection_reason is not null then 'rejected'
            when place = 1 then 'kept'
            when equals_winner then 'duplicate'
            else 'superseded'
        end as outcome
    from ranked
)
{%- endmacro %}
