{% test one_row_per(model, key) %}
    {#-
        The keys of a model that was only added to in this run are tested where its new files
        touched them; otherwise all keys are.
    -#}
    {%- set touched = files_built_in_this_run(model) %}

    select
        {{ key | join(', ') }},
        count(*) as row_count
    from {{ model }}
    {%- if touched is not none %}
    inner join (
        select distinct {{ key | join(', ') }}
        from {{ model }}
        where source_file in {{ literal_list(touched) }}
    ) as touched using ({{ key | join(', ') }})
    {%- endif %}
    group by {{ key | join(', ') }}
    having count(*) > 1
{% endtest %}
