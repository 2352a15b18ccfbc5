{#- The one form of "the last in file order wins": path in byte order first, then record. -#}
{% macro classified_records(records, key, compared) -%}
    select
        *,
        case
            when rejection_reason is not null then 'rejected'
            when place = 1 then 'kept'
            when equals_last then 'duplicate'
            else 'superseded'
        end as outcome
    from (
        select
            *,
            row_number() over competitors as place,
            {% for column in compared -%}
            ({{ column }} is not distinct from first_value({{ column }}) over competitors)
            {{ 'and ' if not loop.last else 'as equals_last' }}
            {%- else -%}
            true as equals_last
            {%- endfor %}
        from {{ records }}
        window competitors as (
            partition by {{ key | join(', ') }}, rejection_reason is null
            order by source_file desc, source_record desc
        )
    ) as ranked
{%- endmacro %}
