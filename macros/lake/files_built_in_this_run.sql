{% macro files_built_in_this_run(relation) -%}
    {#-
        The raw files that this run added to an incremental model; none where the run built the
        model in full or did not build it, so that all of it is to be looked at.
    -#}
    {%- if not execute or flags.EMPTY or flags.WHICH != 'build' -%}{%- do return(none) -%}{%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model'
        and node.alias == relation.identifier and node.schema == relation.schema -%}
        {%- set mark = run_query(
            "select in_full, build_id from " ~ lake_table('built') ~ " where source_file = '' and model = "
            ~ literal(node.unique_id)
        ).rows -%}
        {%- if mark and mark[0][1] == invocation_id and not mark[0][0] -%}
            {%- do return(run_query(
                "select source_file from " ~ lake_table('built') ~ " where source_file <> '' and model = "
                ~ literal(node.unique_id) ~ " and build_id = " ~ literal(invocation_id)
            ).columns[0].values()) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(none) -%}
{%- endmacro %}
