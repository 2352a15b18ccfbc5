{% macro classified_table(records, key, columns) -%}
    select
        {% for column in key + columns -%}
        {{ column }},
        {% endfor -%}
        source_file,
        source_record,
        loaded_at,
        rejection_reason,
        rejected_text,
        outcome
    from (
        {{ classified_records(records, key, columns) }}
    ) as classified
{%- endmacro %}
