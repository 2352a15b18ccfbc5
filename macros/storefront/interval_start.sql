{% macro interval_start(time, origin, minutes) -%}
    {{- return(adapter.dispatch('interval_start')(time, origin, minutes)) -}}
{%- endmacro %}

{#- In whole microseconds: no double, no calendar. -#}
{% macro duckdb__interval_start(time, origin, minutes) -%}
    case
        when coalesce({{ minutes }}, 0) < 1
            then error('an interval is 1 minute or longer: interval_minutes must be 1 or more')
        else
            make_timestamp(
                epoch_us({{ origin }})
                + (epoch_us({{ time }}) - epoch_us({{ origin }}))
                // (cast({{ minutes }} as bigint) * 60000000)
                * (cast({{ minutes }} as bigint) * 60000000)
            )
    end
{%- endmacro %}
