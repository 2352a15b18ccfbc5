{#-
    On Spark: the value of a JSON text, null where it is none. Spark's parser stops at the end of the
    first value and does not see what follows; so the text is read between brackets, with a number
    after it that cannot stand in it by chance.
-#}
{% macro json_value(column) -%}
    get(
        get(
            filter(
                array(try_variant_get(
                    try_parse_json(concat('[', {{ column }}, ',', hash({{ column }}), ']')),
                    '$',
                    'array<variant>'
                )),
                found -> size(found) = 2
                and try_variant_get(get(found, 1), '$', 'int') = hash({{ column }})
            ),
            0
        ),
        0
    )
{%- endmacro %}
