{% test adds_up_to(model, to, sums, by=[], to_where='true') %}
    {#- What one model sums up is what another holds. Nothing on one side is 0. -#}
    select
        {% for column in by -%}
        coalesce(shown.{{ column }}, held.{{ column }}) as {{ column }},
        {% endfor -%}
        {% for name in sums -%}
        shown.{{ name }},
        held.{{ name }} as {{ name }}_held{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            {% for column in by %}{{ column }}, {% endfor %}
            {% for name, sides in sums.items() -%}
            {{ sides[0] }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ model }}
        {{ 'group by ' ~ by | join(', ') if by }}
    ) as shown
    {{ 'full outer' if by else 'cross' }} join (
        select
            {% for column in by %}{{ column }}, {% endfor %}
            {% for name, sides in sums.items() -%}
            {{ sides[1] }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ to }}
        where {{ to_where }}
        {{ 'group by ' ~ by | join(', ') if by }}
    ) as held
    {% for column in by -%}
    {{ 'on' if loop.first else 'and' }} shown.{{ column }} = held.{{ column }}
    {% endfor -%}
    where
        {% for name in sums -%}
        {{ 'or ' if not loop.first }}coalesce(shown.{{ name }}, 0) != coalesce(held.{{ name }}, 0)
        {% endfor %}
{% endtest %}
