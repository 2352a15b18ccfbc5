{% macro literal_list(texts) -%}
    {#- No file, no key is the empty text, so that the list is never empty, as SQL demands. -#}
    {%- set literals = ["''"] -%}
    {%- for text in texts -%}{%- do literals.append(literal(text)) -%}{%- endfor -%}
    {%- do return('(' ~ literals | join(', ') ~ ')') -%}
{%- endmacro %}
