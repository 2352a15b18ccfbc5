{% test one_row_per(model, column_name) %}
    {#-
        The keys of a model that was only added to in this run are tested where its new files
        touched them; otherwise all keys are.
    -#}
    {%- set touched = files_built_in_this_run(model) %}

    select
        {{ column_name }},
        count(*) as row_count
    from {{ model }}
    where
        {{ column_name }} is not null
        {%- if touched is not none %}
        and {{ column_name }} in (
            select {{ column_name }} from {{ model }} where source_file in {{ literal_list(touched) }}
        )
        {%- endif %}
    group by {{ column_name }}
    having count(*) > 1
{% endtest %}
