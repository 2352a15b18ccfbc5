{% macro cast_date(column) -%}
    {{- return(adapter.dispatch('cast_date')(column)) -}}
{%- endmacro %}

{% macro duckdb__cast_date(column) -%}
    case
        when regexp_full_match({{ column }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            then try_cast({{ column }} as date)
    end
{%- endmacro %}

{% macro spark__cast_date(column) -%}
    case
        when {{ column }} rlike r'^[0-9]{4}-[0-9]{2}-[0-9]{2}\z' then try_cast({{ column }} as date)
    end
{%- endmacro %}
