{#-
    A hash of all that a model's rows depend on besides the raw files: its SQL and that of every
    model, seed and macro behind it, the declarations of its sources, and the vars they use.
-#}
{% macro model_fingerprint(unique_id) -%}
    {%- set seen = [] -%}
    {%- set waiting = [unique_id] -%}
    {%- set texts = [] -%}
    {%- for _ in range(100000) if waiting -%}
        {%- set name = waiting.pop() -%}
        {%- if name not in seen -%}
            {%- do seen.append(name) -%}
            {%- if name.startswith('macro.' ~ project_name ~ '.') -%}
                {%- set macro = context[project_name].get(name.split('.')[-1]).macro -%}
                {%- do texts.append(macro.macro_sql) -%}
                {%- do waiting.extend(macro.depends_on.macros) -%}
            {%- elif name in graph.nodes -%}
                {%- set node = graph.nodes[name] -%}
                {%- do texts.append(node_text(node)) -%}
                {%- if node.depends_on.macros -%}{%- do waiting.extend(node.depends_on.macros) -%}{%- endif -%}
                {%- if node.depends_on.nodes -%}{%- do waiting.extend(node.depends_on.nodes) -%}{%- endif -%}
            {%- elif name in graph.sources -%}
                {%- do texts.append(node_text(graph.sources[name])) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set text = texts | sort | join('\n') -%}
    {%- set values = [] -%}
    {%- for name in modules.re.findall("var\\(\\s*['\"](\\w+)['\"]", text) | unique | sort -%}
        {%- do values.append(name ~ '=' ~ var(name, none)) -%}
    {%- endfor -%}
    {%- do return(local_md5(text ~ '\n' ~ values | join('\n'))) -%}
{%- endmacro %}


{% macro node_text(node) -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append([column.name, column.data_type, column.config.meta]) -%}
    {%- endfor -%}
    {%- do return(tojson([
        node.unique_id,
        node.get('raw_code', ''),
        node.checksum.checksum if node.resource_type == 'seed' else '',
        columns,
        node.config.get('materialized', ''),
        node.config.get('unique_key', ''),
        node.config.get('incremental_strategy', ''),
        node.config.meta,
    ], sort_keys=true)) -%}
{%- endmacro %}
