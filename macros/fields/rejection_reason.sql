{#- The reasons stand in the order of the fields; a field without a kind is no reason. -#}
{% macro rejection_reason(fields, blank_is_missing=false) -%}
    {%- set failures = [] -%}
    {%- set reasons = [] -%}
    {%- for name, field in fields.items() if field.kind -%}
        {%- set raw = raw_text(field.column) -%}
        {%- if blank_is_missing -%}{%- set raw = unless_blank(raw) -%}{%- endif -%}
        {%- do failures.append(
            name ~ ' is null' if field.required
            else '(' ~ name ~ ' is null and ' ~ raw ~ ' is not null)'
        ) -%}
        {%- set reason -%}
            case
                when {{ name }} is not null then null
                when {{ raw }} is null
                    then {{ literal(field.column ~ ': missing') if field.required else 'null' }}
                {%- for condition, code in field.otherwise %}
                when {{ condition }} then {{ literal(field.column ~ ': ' ~ code) }}
                {%- endfor %}
                else {{ literal(field.column ~ ': not_' ~ field.kind) }}
            end
        {%- endset -%}
        {%- do reasons.append(reason) -%}
    {%- endfor -%}
    {%- if failures -%}
    case
        when {{ failures | join(' or ') }}
            then concat_ws('; ', {{ reasons | join(', ') }})
    end
    {%- else -%}
    cast(null as {{ type_string() }})
    {%- endif -%}
{%- endmacro %}
