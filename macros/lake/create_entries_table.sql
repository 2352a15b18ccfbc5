{#-
    On Spark: `raw_lake.entries`, a table over every entry of the ledger as it is now, whether there
    are any yet or not. A time stays a text: in JSON Spark would take it for one in a zone.
-#}
{% macro create_entries_table(lake) -%}
    {%- set columns = [] -%}
    {%- for name, type in ledger_columns().items() -%}
        {%- do columns.append(
            name ~ ' ' ~ (type_string() if type == 'timestamp' else engine_type(type))
        ) -%}
    {%- endfor -%}
    {%- do run_query('create schema if not exists ' ~ own_schema('raw_lake')) -%}
    {%- do run_query('drop table if exists ' ~ lake_table('entries')) -%}
    {%- do run_query(
        'create table ' ~ lake_table('entries') ~ ' (' ~ columns | join(', ') ~ ') using json'
        ~ " options (recursiveFileLookup 'true', multiLine 'true', pathGlobFilter '~entry.json')"
        ~ ' location ' ~ literal(lake ~ '/_ledger')
    ) -%}
{%- endmacro %}
