{#- A variant drops the zeros of 5.0 and keeps that it is a decimal; whole numbers of up to 18 digits
    are none. -#}
{% macro text_of_variant(variant, path) -%}
    {%- set text = 'try_variant_get(' ~ variant ~ ', ' ~ literal(path) ~ ", 'string')" -%}
    case
        when
            schema_of_variant(try_variant_get({{ variant }}, {{ literal(path) }}, 'variant'))
            rlike r'^DECIMAL\(([0-9]|1[0-8]),0\)'
            then concat({{ text }}, '.0')
        else {{ text }}
    end
{%- endmacro %}
