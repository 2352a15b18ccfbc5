{#-
    A raw column and what a staging model makes of it, for `validated_fields`: its kind is what a
    reason says that it is not, and `otherwise` lists more reasons as [condition, code]. The macros
    below are fields of one kind each.
-#}
{% macro field(column, kind=none, sql=none, required=false, otherwise=[]) -%}
    {%- do return({
        'column': column,
        'kind': kind,
        'sql': sql or adapter.quote(column),
        'required': required,
        'otherwise': otherwise,
    }) -%}
{%- endmacro %}


{% macro an_integer(column, type='bigint', kind='an_integer', at_least=none, at_most=none, required=false) -%}
    {%- set number = cast_integer(adapter.quote(column), type) -%}
    {%- if at_least is not none -%}
        {%- set number -%}
            case
                when {{ number }} >= {{ at_least }} {{ 'and ' ~ number ~ ' <= ' ~ at_most if at_most }}
                    then {{ number }}
            end
        {%- endset -%}
    {%- endif -%}
    {%- do return(field(column, kind, number, required)) -%}
{%- endmacro %}


{#- A number with more decimals than there is room for is rejected, unless a rule says that it is
    rounded. -#}
{% macro a_number(column, precision, scale, rounds=false, at_least=none, required=false) -%}
    {%- set number = cast_decimal(adapter.quote(column), precision, scale, rounds) -%}
    {%- set rounded = cast_decimal(raw_text(column), precision, scale, true) -%}
    {%- set otherwise = [] if rounds else [[rounded ~ ' is not null', 'too_many_decimals']] -%}
    {%- if at_least is not none -%}
        {%- set exact = cast_decimal(raw_text(column), precision, scale, rounds) -%}
        {%- set otherwise = [[exact ~ ' < ' ~ at_least, 'out_of_range']] + otherwise -%}
        {%- set number = 'case when ' ~ number ~ ' >= ' ~ at_least ~ ' then ' ~ number ~ ' end' -%}
    {%- endif -%}
    {%- do return(field(column, 'a_number', number, required, otherwise)) -%}
{%- endmacro %}


{% macro a_timestamp(column, required=false) -%}
    {%- set time = cast_timestamp(adapter.quote(column)) -%}
    {%- do return(field(column, 'a_timestamp', time, required)) -%}
{%- endmacro %}


{% macro an_instant(column, required=false) -%}
    {%- set time = cast_instant(adapter.quote(column)) -%}
    {%- do return(field(column, 'a_time', time, required)) -%}
{%- endmacro %}


{% macro a_date(column, required=false) -%}
    {%- do return(field(column, 'a_date', cast_date(adapter.quote(column)), required)) -%}
{%- endmacro %}


{% macro a_boolean(column, required=false) -%}
    {%- do return(field(column, 'a_boolean', cast_boolean(adapter.quote(column)), required)) -%}
{%- endmacro %}


{#- Without the blanks around it. What may not be blank says what it is: `a_title`. -#}
{% macro a_text(column, kind=none, required=false) -%}
    {%- set text = 'nullif(' ~ trimmed(adapter.quote(column)) ~ ", '')" -%}
    {%- do return(field(column, kind, text, required)) -%}
{%- endmacro %}
