{#-
    A variant keeps decimals without the zeros of 5.0, and other fractions as doubles. DuckDB has read
    them all as doubles. Whole numbers of up to 18 digits are no decimals.
-#}
{% macro text_of_variant(variant, path) -%}
    case
        when
            schema_of_variant(try_variant_get({{ variant }}, {{ literal(path) }}, 'variant'))
            rlike r'^(DOUBLE|DECIMAL\(([0-9]+,[1-9]|([0-9]|1[0-8]),0))'
            then {{ text_of_double('try_variant_get(' ~ variant ~ ', ' ~ literal(path) ~ ", 'double')") }}
        else try_variant_get({{ variant }}, {{ literal(path) }}, 'string')
    end
{%- endmacro %}
