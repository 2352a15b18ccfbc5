-- Grain: one row per raw record, or item of one, that is in no mart because it was not accepted.

with

quarantined as (
    select * from {{ source('lake', 'rejected') }}
),

ledger as (
    select * from {{ source('lake', 'ledger') }}
),

rejected as (
    {{ rejected_items() }}
),

unreadable as (
    select
        quarantined.source_file,
        quarantined.record as source_record,
        cast(null as integer) as source_item,
        ledger.source_name,
        ledger.table_name,
        'quarantined' as stage,
        concat_ws(': ', quarantined.reason_code, quarantined.message) as reasons,
        {{ 'quarantined.raw_text' if var('keep_raw_text')
            else 'cast(null as ' ~ type_string() ~ ')' }} as raw_text,
        quarantined.first_line,
        quarantined.reason_code,
        quarantined.message,
        {{ build_number() }} as build_number
    from quarantined
    inner join ledger on quarantined.source_file = ledger.source_file
),

unacceptable as (
    select
        source_file,
        source_record,
        source_item,
        source_name,
        table_name,
        'rejected' as stage,
        reasons,
        raw_text,
        cast(null as bigint) as first_line,
        reasons as reason_code,
        cast(null as {{ type_string() }}) as message,
        {{ build_number() }} as build_number
    from rejected
)

select * from unreadable
union all
select * from unacceptable
