{#-
    On Spark: a double as DuckDB spells it, with a power of ten only from 1e+16 on and below 1e-04.
    The list of one is only there to give the double a name.
-#}
{% macro text_of_double(double) -%}
    get(
        transform(
            array({{ double }}),
            number -> case
                when abs(number) >= 0.0001 and abs(number) < 1e16
                    then
                        regexp_replace(
                            cast(cast(number as decimal(38, 21)) as string), r'(\.[0-9]+?)0+\z', '$1'
                        )
                else
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(cast(number as string), r'(\.0)?E-', 'e-'),
                            r'(\.0)?E',
                            'e+'
                        ),
                        r'e([+-])([0-9])\z',
                        'e$10$2'
                    )
            end
        ),
        0
    )
{%- endmacro %}
