{#- As DuckDB reads JSON: null where there is none, and no field of what is not an object. -#}
{% macro struct_of_variant(variant, path, fields) -%}
    {%- set parts = [] -%}
    {%- for name, type in fields.items() -%}
        {%- set inner = path ~ '["' ~ name ~ '"]' -%}
        {%- do parts.append(literal(name)) -%}
        {%- if type is mapping -%}
            {%- do parts.append(struct_of_variant(variant, inner, type)) -%}
        {%- elif type == 'varchar' -%}
            {%- do parts.append(text_of_variant(variant, inner)) -%}
        {%- else -%}
            {%- do parts.append(
                'try_variant_get(' ~ variant ~ ', ' ~ literal(inner) ~ ', '
                ~ literal(engine_type(type)) ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set value = 'try_variant_get(' ~ variant ~ ', ' ~ literal(path) ~ ", 'variant')" -%}
    case
        when {{ value }} is not null and not is_variant_null({{ value }})
            then named_struct({{ parts | join(', ') }})
    end
{%- endmacro %}
