{#-
    On Spark: the path under the lake of the file that a row was read from. Spark gives it as a URI;
    a plus sign in it is no blank.
-#}
{% macro path_in_lake() -%}
    {%- set lake = lake_folder() -%}
    {%- set start = ('file:' if lake.startswith('/') else '') ~ lake ~ '/' -%}
    substr(url_decode(replace(_metadata.file_path, '+', '%2B')), {{ start | length + 1 }})
{%- endmacro %}
