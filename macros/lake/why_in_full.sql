{% macro why_in_full() -%}
    {#- Why what this incremental model holds cannot be built on, or none where it can. -#}
    {%- set table = built_from(model) -%}
    {%- if not execute or not table or flags.EMPTY -%}{%- do return(none) -%}{%- endif -%}
    {%- set known = run_query(
        "select lake, fingerprint from " ~ lake_table('built') ~ " where source_file = '' and model = "
        ~ literal(model.unique_id)
    ).rows -%}
    {%- if not known -%}{%- do return('its first build') -%}{%- endif -%}
    {%- if is_unfinished() -%}{%- do return('its last build was broken off') -%}{%- endif -%}
    {%- if known[0][0] != lake_folder() -%}
        {%- do return('it was built over another lake, ' ~ known[0][0]) -%}
    {%- endif -%}
    {%- if known[0][1] != model_fingerprint(model.unique_id) -%}
        {%- do return('its SQL, or a seed, var, macro or declaration behind it, has changed') -%}
    {%- endif -%}
    {%- set replaced = run_query(
        "select built.source_file from " ~ lake_table('built') ~ " as built"
        ~ " left join " ~ lake_table('ledger') ~ " as ledger on built.source_file = ledger.source_file"
        ~ " and ledger.source_name = " ~ literal(table[0])
        ~ " and ledger.table_name = " ~ literal(table[1])
        ~ " where built.source_file <> '' and built.model = " ~ literal(model.unique_id)
        ~ " and (ledger.landed_file is null or ledger.redelivery_of is not null"
        ~ " or ledger.landed_as <> built.landed_file)"
        ~ " order by built.source_file"
    ).columns[0].values() -%}
    {%- if replaced -%}
        {%- do return(
            replaced[0] ~ (' and ' ~ (replaced | length - 1) ~ ' more' if replaced | length > 1 else '')
            ~ ', built before, landed again or counted under another path'
        ) -%}
    {%- endif -%}
    {%- do return(none) -%}
{%- endmacro %}
