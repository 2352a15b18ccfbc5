{% macro validated_fields(records, table, fields, blank_is_missing=false) -%}
    select
        *,
        {{ rejection_reason(fields, blank_is_missing) }} as rejection_reason
    from (
        select
            {% for name, field in fields.items() -%}
            {{ field.sql }} as {{ name }},
            {% endfor -%}
            {% for column in raw_columns(table) -%}
            {{ raw_text(column) if blank_is_missing else
                adapter.quote(column) ~ ' as ' ~ raw_text(column) }},
            {% endfor -%}
            {% for column in path_columns(table) -%}
            {{ column }},
            {% endfor -%}
            _source_file as source_file,
            _source_record as source_record,
            _loaded_at as loaded_at
        from
            {% if blank_is_missing -%}
            {{ without_blanks(records, table) }}
            {%- else -%}
            {{ records }}
            {%- endif %}
    ) as typed
{%- endmacro %}


{% macro without_blanks(records, table) -%}
    {#- Blank texts as nulls, and beside them what was delivered. -#}
    (
        select
            {% for column in raw_columns(table) -%}
            {{ unless_blank(adapter.quote(column)) }} as {{ adapter.quote(column) }},
            {{ adapter.quote(column) }} as {{ raw_text(column) }},
            {% endfor -%}
            {% for column in path_columns(table) -%}
            {{ column }},
            {% endfor -%}
            _source_file,
            _source_record,
            _loaded_at
        from {{ records }}
    ) as filled
{%- endmacro %}


{% macro raw_text(column) -%}
    {#- The column of `validated_fields` that holds a raw column as it was delivered. -#}
    {%- do return(adapter.quote('_raw_' ~ column)) -%}
{%- endmacro %}


{% macro raw_columns(table) -%}
    {#-
        The names of a raw table's declared columns, which its view has. dbt's graph would have them,
        too, but not in a unit test.
    -#}
    {%- set origin = ['_source_file', '_source_record', '_file_hash', '_loaded_at'] -%}
    {%- set columns = [] -%}
    {%- for column in columns_of_raw_view(table)
        if column not in origin and not column.startswith('_path_') -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{%- endmacro %}


{% macro path_columns(table) -%}
    {#- The columns of a raw table's view that hold what its folders say. -#}
    {%- set columns = [] -%}
    {%- for column in columns_of_raw_view(table) if column.startswith('_path_') -%}
        {%- do columns.append(adapter.quote(column)) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{%- endmacro %}


{% macro columns_of_raw_view(table) -%}
    {%- if not execute -%}{%- do return([]) -%}{%- endif -%}
    {%- set name = table.split('.') -%}
    {%- do return(adapter.get_columns_in_relation(
        api.Relation.create(schema=own_schema('raw_' ~ name[0]), identifier=name[1])
    ) | map(attribute='name')) -%}
{%- endmacro %}
