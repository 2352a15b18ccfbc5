{#- A select of all days from one to another, both within, as the column `day`. -#}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between')(first, last)) }}
{%- endmacro %}

{% macro default__days_between(first, last) -%}
select unnest(generate_series(date '{{ first }}', date '{{ last }}', interval 1 day)) as day
{%- endmacro %}

{% macro spark__days_between(first, last) -%}
select explode(sequence(date '{{ first }}', date '{{ last }}', interval 1 day)) as day
{%- endmacro %}
