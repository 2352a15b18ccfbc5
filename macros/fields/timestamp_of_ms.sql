{% macro timestamp_of_ms(milliseconds) -%}
    {{- return(adapter.dispatch('timestamp_of_ms')(milliseconds)) -}}
{%- endmacro %}

{% macro duckdb__timestamp_of_ms(milliseconds) -%}
    case
        when {{ milliseconds }} between -62135596800000 and 253402300799999
            then make_timestamp({{ milliseconds }} * 1000)
    end
{%- endmacro %}

{% macro spark__timestamp_of_ms(milliseconds) -%}
    case
        when {{ milliseconds }} between -62135596800000 and 253402300799999
            then cast(timestamp_millis({{ milliseconds }}) as timestamp)
    end
{%- endmacro %}
