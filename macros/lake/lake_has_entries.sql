{% macro lake_has_entries(lake) -%}
    {%- do return(adapter.dispatch('lake_has_entries')(lake)) -%}
{%- endmacro %}

{% macro duckdb__lake_has_entries(lake) -%}
    {%- set entries = literal(lake ~ '/_ledger/*/*/**/~entry.json') -%}
    {%- set found = run_query('select count(*) from (from glob(' ~ entries ~ ') limit 1)') -%}
    {%- do return(found.columns[0].values()[0] > 0) -%}
{%- endmacro %}

{% macro spark__lake_has_entries(lake) -%}
    {%- do create_entries_table(lake) -%}
    {%- do return(run_query('select 1 from ' ~ lake_table('entries') ~ ' limit 1').rows | length > 0) -%}
{%- endmacro %}
