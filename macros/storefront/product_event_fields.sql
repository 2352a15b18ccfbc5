{% macro product_event_fields() -%}
    {#- What the marts use of an event, for `json_structs`. -#}
    {%- do return({
        'event_type': 'varchar',
        'data': {
            'event_name': 'varchar',
            'timestamp_unixtime_ms': 'varchar',
            'custom_attributes': {'codeColor': 'varchar', 'actualPrice': 'varchar'},
        },
    }) -%}
{%- endmacro %}
