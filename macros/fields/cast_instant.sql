{#- What stands before the zone is a timestamp, and what is left the zone: together they are all. -#}
{% macro cast_instant(column) -%}
    {%- set time -%}
        regexp_extract({{ column }}, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+)?', 0)
    {%- endset -%}
    {%- set zone -%}
        regexp_extract({{ column }}, ':[0-9.]+(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$', 1)
    {%- endset -%}
    {%- set hours -%}
        coalesce(try_cast(substr({{ zone }}, 2, 2) as integer), 0)
    {%- endset -%}
    {%- set minutes -%}
        coalesce(try_cast(substr(replace({{ zone }}, ':', ''), 4, 2) as integer), 0)
    {%- endset -%}
    {%- set east -%}
        case when {{ zone }} like '-%' then -1 else 1 end * ({{ hours }} * 60 + {{ minutes }})
    {%- endset -%}
    case
        when concat({{ time }}, {{ zone }}) = {{ column }}
            then {{ minutes_before(cast_timestamp(time), east) }}
    end
{%- endmacro %}


{% macro minutes_before(time, minutes) -%}
    {{- return(adapter.dispatch('minutes_before')(time, minutes)) -}}
{%- endmacro %}

{% macro default__minutes_before(time, minutes) -%}
    ({{ time }}) - ({{ minutes }}) * interval '1' minute
{%- endmacro %}

{#- An interval times a number has another type on Spark. -#}
{% macro spark__minutes_before(time, minutes) -%}
    ({{ time }}) - make_dt_interval(0, 0, {{ minutes }}, 0)
{%- endmacro %}
