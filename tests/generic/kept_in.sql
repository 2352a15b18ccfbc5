{% test kept_in(model, column_name, to, field) %}
    {#- As dbt's `relationships`, for what ends in an intermediate model and has no mart. -#}
    select
        {{ column_name }},
        count(*) as row_count
    from {{ model }}
    where
        {{ column_name }} is not null
        and {{ column_name }} not in (
            select {{ field }}
            from {{ to }}
            where
                outcome = 'kept'
                and {{ field }} is not null
        )
    group by {{ column_name }}
{% endtest %}
