{#-
    Checks are lists of [raw column, typed column, what it should be, whether it is required].
    The reasons stand in the order of the checks.
-#}
{% macro rejection_reason(checks) -%}
    {%- set failures = [] -%}
    {%- set reasons = [] -%}
    {%- for raw, typed, kind, required in checks -%}
        {%- set failure -%}
            {{ typed }} is null{{ '' if required else ' and ' ~ raw ~ ' is not null' }}
        {%- endset -%}
        {%- do failures.append('(' ~ failure ~ ')' if not required else failure) -%}
        {%- set reason -%}
            case
                {%- if required %}
                when {{ raw }} is null then '{{ raw }}: missing'
                when {{ typed }} is null then '{{ raw }}: not_{{ kind }}'
                {%- else %}
                when {{ failure }} then '{{ raw }}: not_{{ kind }}'
                {%- endif %}
            end
        {%- endset -%}
        {%- do reasons.append(reason) -%}
    {%- endfor -%}
    case
        when {{ failures | join(' or ') }}
            then concat_ws('; ', {{ reasons | join(', ') }})
    end
{%- endmacro %}
