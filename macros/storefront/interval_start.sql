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

{% macro spark__interval_start(time, origin, minutes) -%}
    case
        when coalesce({{ minutes }}, 0) < 1
            then
                raise_error('an interval is 1 minute or longer: interval_minutes must be 1 or more')
        else
            cast(timestamp_micros(
                unix_micros({{ origin }})
                + (unix_micros({{ time }}) - unix_micros({{ origin }}))
                div (cast({{ minutes }} as bigint) * 60000000)
                * (cast({{ minutes }} as bigint) * 60000000)
            ) as timestamp)
    end
{%- endmacro %}
