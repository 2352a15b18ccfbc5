{% macro pin_lake() -%}
    {#- Pins, before a build's first model, the landed files that every model in it reads. -#}
    {%- if execute and flags.WHICH in ('build', 'run') and reads_the_lake(selected_resources) -%}
        {%- if not flags.EMPTY and not lake_has_entries(lake_folder()) -%}
            {%- do exceptions.raise_compiler_error(
                'nothing is loaded in the lake ' ~ lake_folder()
                ~ '.\nFix: put files into raw/<source>/<table>/ and run `casebook load`'
                ~ ' (or `make build`, which falls back on the sample)'
            ) -%}
        {%- endif -%}
        {%- do create_ledger_tables(lake_folder()) -%}
        {%- for node in graph.sources.values() if node.config.meta.get('raw', true) -%}
            {%- do create_raw_view(node) -%}
        {%- endfor -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}


{% macro reads_the_lake(selected) -%}
    {%- set ns = namespace(reads=false) -%}
    {%- for unique_id in selected if unique_id in graph.nodes -%}
        {%- for parent in graph.nodes[unique_id].depends_on.nodes if parent in graph.sources -%}
            {%- set ns.reads = true -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do return(ns.reads) -%}
{%- endmacro %}
