{#-
    Before an incremental model: says that it is being changed. Where an engine has no transactions,
    that is how the next build knows that this one was broken off, and that some of its rows may be
    there already.
-#}
{% macro mark_unfinished() -%}
    {%- if execute and built_from(model) and not flags.EMPTY -%}
        {{- return(adapter.dispatch('mark_unfinished')()) -}}
    {%- endif -%}
{%- endmacro %}

{#- The model and its record are written in one transaction. -#}
{% macro default__mark_unfinished() -%}
{%- endmacro %}

{% macro spark__mark_unfinished() -%}
    {#-
        A mark that a broken build left stays until the model is whole again: it is why this build is
        a full refresh, unless that was asked for.
    -#}
    {%- if flags.FULL_REFRESH or not is_unfinished() %}
    insert overwrite table {{ lake_table('unfinished') }} partition (model)
    select {{ literal(invocation_id) }}, {{ literal(model.unique_id) }}
    {%- endif %}
{%- endmacro %}


{% macro is_unfinished() -%}
    {{- return(adapter.dispatch('is_unfinished')()) -}}
{%- endmacro %}

{% macro default__is_unfinished() -%}
    {%- do return(false) -%}
{%- endmacro %}

{% macro spark__is_unfinished() -%}
    {%- do return(run_query(
        'select 1 from ' ~ lake_table('unfinished') ~ ' where model = ' ~ literal(model.unique_id)
        ~ ' and build_id <> ' ~ literal(invocation_id)
    ).rows | length > 0) -%}
{%- endmacro %}
