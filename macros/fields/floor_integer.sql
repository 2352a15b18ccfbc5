{% macro floor_integer(column) -%}
    {{- return(adapter.dispatch('floor_integer')(column)) -}}
{%- endmacro %}

{#- The digits before the point, so that a fraction of whatever length never rounds up. -#}
{% macro duckdb__floor_integer(column) -%}
    case
        when
            length({{ column }}) <= 18
            and cast(try_cast({{ column }} as bigint) as varchar) = {{ column }}
            then try_cast({{ column }} as bigint)
        when regexp_full_match({{ column }}, '\s*[+-]?[0-9]{1,18}(\.[0-9]*)?\s*')
            then
                cast(regexp_extract({{ column }}, '[+-]?[0-9]+') as bigint)
                - case
                    when regexp_full_match({{ column }}, '\s*-[0-9]+\.[0-9]*[1-9][0-9]*\s*') then 1
                    else 0
                end
    end
{%- endmacro %}

{% macro spark__floor_integer(column) -%}
    case
        when {{ column }} rlike r'^[ \t\n\f\r]*[+-]?[0-9]{1,18}(\.[0-9]*)?[ \t\n\f\r]*\z'
            then
                cast(regexp_extract({{ column }}, '[+-]?[0-9]+', 0) as bigint)
                - case
                    when {{ column }} rlike r'^[ \t\n\f\r]*-[0-9]+\.[0-9]*[1-9][0-9]*[ \t\n\f\r]*\z' then 1
                    else 0
                end
    end
{%- endmacro %}
