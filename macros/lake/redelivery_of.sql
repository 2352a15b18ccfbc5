{#-
    Of a raw file whose records have no key: the path, first in file order, under which the same
    bytes, unpacked, were delivered before within the same folder values; null where it is itself the first.
    A delivery cannot be told from a repetition of it any other way.
-#}
{% macro redelivery_of() -%}
    {%- set keyless = [] -%}
    {%- for node in graph.sources.values()
        if node.config.meta.get('raw', true) and not node.config.meta.get('key') -%}
        {%- do keyless.append(
            'when source_name = ' ~ literal(node.source_name) ~ ' and table_name = '
            ~ literal(node.name) ~ ' then ' ~ folder_values(node)
        ) -%}
    {%- endfor -%}
    {%- if keyless -%}
        nullif(
            case
                when landed_file is not null and case {{ keyless | join(' ') }} end is not null
                    then min(source_file) over (
                        partition by
                            source_name,
                            table_name,
                            landed_file is null,
                            coalesce(content_hash, file_hash),
                            case {{ keyless | join(' ') }} end
                    )
            end,
            source_file
        )
    {%- else -%}
        cast(null as {{ type_string() }})
    {%- endif -%}
{%- endmacro %}


{% macro folder_values(node) -%}
    {#- The values that the folders of a raw file carry, as one text. -#}
    {%- set parts = ["''"] -%}
    {%- for name in node.config.meta.get('path_values', []) -%}
        {%- do parts.append("split_part(source_file, '/', " ~ (loop.index + 2) ~ ")") -%}
    {%- endfor -%}
    {%- do return(parts | join(" || '/' || ")) -%}
{%- endmacro %}
