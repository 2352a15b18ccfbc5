{% macro cast_timestamp(column) -%}
    {{- return(adapter.dispatch('cast_timestamp')(column)) -}}
{%- endmacro %}

{% macro duckdb__cast_timestamp(column) -%}
    case
        when
            regexp_full_match(
                {{ column }},
                '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?)?'
            )
            then try_cast({{ column }} as timestamp)
    end
{%- endmacro %}

{% macro spark__cast_timestamp(column) -%}
    case
        when
            {{ column }} rlike
                r'^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?)?\z'
            then try_cast({{ column }} as timestamp)
    end
{%- endmacro %}
