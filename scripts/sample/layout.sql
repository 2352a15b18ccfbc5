-- What all sources share: numbers drawn by arithmetic alone, and how records become files.
--
-- A source describes each of its raw tables by a row of `raws`, a view `<source>.<table>` of clean
-- records (n, slot, record), rows of `files`, and rows of `dirt`.

-- A number from 0 to k - 1 that looks random: two rounds modulo the prime 2^31 - 1.
create macro mixed(x) as x * x % 2147483647 * 48271 % 2147483647;
create macro draw(x, salt, k) as (mixed(
    (cast(x as bigint) * 7919 + salt * 104729 + 12345) % 2147483647
) + x % 48271) % k;
create macro pick(list, x) as list[(x) % len(list) + 1];

-- Small tables, which others refer to, are never smaller than at scale 1.
create macro scaled(x, base) as cast(round(
    x * if(base > 100, getvariable('scale'), greatest(1, getvariable('scale')))
) as bigint);
create macro numbers(base) as table
    select range as n, range % base as slot from range(scaled(base, base));
create macro repeats() as cast(greatest(1, floor(getvariable('scale'))) as bigint);

create macro table_of(name) as table from read_csv(
    getvariable('here') || '/' || name || '.tsv', delim = chr(9), quote = '', escape = ''
);
-- Each raw table: how many records its view has at scale 1, to which share of them something
-- happens, whether equal records are one, and whether what happens to records of any table does.
create table raws as from table_of('raws');
-- Each file: its path below the table's folder, or of a database below the source's; the first
-- record in it, at scale 1, in file order; and words: array pretty prefixed ascii python us_dates
-- bom crlf open_end quotes semicolon pipe reversed again (delivered once more), and column=name.
create table files as select * replace (coalesce(options, '') as options) from table_of('files');
-- What happens to records, in turns. A fate is what becomes of the record, or of each item in it;
-- how it is made unreadable; and when the clean record comes again, in how many records or later,
-- in the last file: `quarantined as short, again later`. Who is orphaned is rejected where it is
-- the last with its key. The reason of those kept is what is odd about them. A patch is a JSON
-- merge patch, or a regular expression `=>` its replacement; no clean record has what supersedes.
create table dirt as from table_of('dirt');
create macro never() as 1000000000000000;  -- so many records later is in the last file

create view stories as
select
    r.table_name,
    r.every,
    count(*) filter (step = 0) over (partition by r.table_name) as turns,
    dense_rank() over (partition by r.table_name order by d.rowid) as story,
    step,
    step * coalesce(try_cast(regexp_extract(d.fate, 'again (\d+)', 1) as bigint), never()) as shift,
    if(step = 0, regexp_extract(d.fate, '^[\w,]*\w'), 'kept') as outcome,
    if(step = 0, d.reason, null) as reason,
    if(step = 0, regexp_extract(d.fate, 'as (\w+)', 1), '') as spoil,
    if(step = 0, d.patch, null) as patch
from dirt as d
inner join (values (0), (1)) as steps (step) on step = 0 or d.fate like '%again%'
inner join raws as r
    on d.table_name = r.table_name
    or d.table_name = '*' and r.has_shared_dirt and (r.is_keyed or d.fate not like '%again%');

create macro has(options, word) as contains(' ' || options || ' ', ' ' || word || ' ');
create view layouts as
select
    f.*,
    split_part(f.table_name, '.', 1) || '/' || case when f.path like '%.db' then '' else
        split_part(f.table_name, '.', 2) || '/' end || f.path as file,
    if(has(f.options, 'again'), regexp_replace(file, '\.', ' (1).'), null) as again,
    case
        when f.path like '%.db' then 'sqlite'
        when regexp_matches(f.path, '\.(csv|tsv|txt)') then 'csv'
        else if(has(f.options, 'array'), 'array', 'lines')
    end as style,
    case
        when has(f.options, 'semicolon') then ';' when has(f.options, 'pipe') then '|'
        else if(f.path like '%.tsv', chr(9), ',')
    end as delimiter,
    if(has(f.options, 'crlf'), chr(13), '') || chr(10) as newline,
    if(has(f.options, 'prefixed'), split_part(f.table_name, '.', 2) || '.', '') as prefix,
    if(has(f.options, 'bom'), chr(65279), '') || if(style = 'array', '[' || newline, '') as opening,
    if(style = 'array', ',', '') || newline as between,
    if(style = 'array', newline || ']', '') || if(has(f.options, 'open_end'), '', newline) as ending,
    scaled(f.first, r.base) as first_row,
    lead(first_row) over (partition by f.table_name order by f.first, f.path) as next_row,
    coalesce(next_row, scaled(r.base, r.base)) - first_row as row_count
from files as f
inner join raws as r on f.table_name = r.table_name;

create macro patched(record, patch) as case
    when coalesce(patch, '') = '' then record
    when patch like '% => %'
        then regexp_replace(record, split_part(patch, ' => ', 1), split_part(patch, ' => ', 2))
    else cast(json_merge_patch(cast(record as json), cast(patch as json)) as text)
end;
-- A character that the writer puts the byte E3 in place of, which alone is not UTF-8.
create macro with_bad_byte(record) as regexp_replace(record, '":"', '":"' || chr(63715));

create macro joined(fields, delimiter) as
    replace(array_to_string(fields, chr(31)), chr(31), delimiter);
create macro quoted(field, delimiter, always) as case
    when always or contains(field, delimiter) or contains(field, '"') or contains(field, chr(10))
        then '"' || replace(field, '"', '""') || '"'
    else field
end;
-- As Python and Americans write it; lists with Python's quotes where JSON escapes nothing.
create macro spelled(field, options) as case
    when has(options, 'us_dates') and regexp_matches(field, '^\d{4}-\d\d-\d\d$')
        then regexp_replace(field, '^(\d{4})-0?(\d+)-0?(\d+)$', '\2/\3/\1')
    when not has(options, 'python') then field
    when field = 'false' then 'False'
    when field like '[{%' then replace(case
        when contains(field, '\') then field
        else regexp_replace(field, '"([^"'']*)"', '''\1''', 'g')
    end, ':null', ': None')
    else field
end;

-- Each record of a table's files with its text and what becomes of it; headers, too.
create macro told(name) as table
with placed as (
    select
        l.*, r.n, r.n + coalesce(s.shift, 0) as position, coalesce(s.step, 0) as step,
        coalesce(s.outcome, 'kept') as outcome, s.reason,
        if(l.style = 'sqlite' and s.outcome = 'quarantined', 'bytes', s.spoil) as how,
        patched(r.record, s.patch) as clean,
        cast(if(how = 'bytes', with_bad_byte(clean), clean) as json) as said
    from query_table(name) as r
    left join stories as s
        on s.table_name = name
        and r.slot % s.every = s.every - 1
        and s.story = r.slot // s.every % s.turns + 1
    inner join layouts as l
        on l.table_name = name
        and r.n + coalesce(s.shift, 0) >= l.first_row
        and r.n + coalesce(s.shift, 0) < coalesce(l.next_row, 2 * never())
),

headers as (
    select l.*, if(has(options, 'reversed'), list_reverse(json_keys(record)), json_keys(record)) as names
    from layouts as l
    inner join query_table(name) as r on r.n = if(l.row_count > 0, l.first_row, 0)
    where l.table_name = name
),

lined as (
    select
        s.*,
        if(s.style != 'csv', null, list_transform(h.names, lambda c: quoted(
            spelled(coalesce(said ->> c, ''), s.options), s.delimiter, has(s.options, 'quotes')
        ))) as cells,
        case
            when s.prefix != '' then '{' || array_to_string(list_transform(
                json_keys(said), lambda k: '"' || s.prefix || k || '":' || (said -> k)
            ), ',') || '}'
            when has(s.options, 'pretty') then json_pretty(said)
            else cast(said as text)
        end as line
    from placed as s
    inner join headers as h on s.file = h.file
)

select
    file, position, n, step, outcome,
    case
        when outcome != 'quarantined' then reason
        when style = 'array' then 'not_an_object'
        when how = 'bytes' then 'bad_bytes'
        when style = 'csv' then if(how = 'quote', 'text_after_quote', 'wrong_field_count')
        else if(how = 'note', 'not_an_object', 'not_json')
    end as reason,
    if(how = 'split' and style != 'array', 2, 1) as records,
    case
        when style = 'csv' then case how
            when 'short' then joined(cells[:-2], delimiter)
            when 'long' then joined(cells, delimiter) || delimiter || '1'
            when 'split' then joined(cells[:2], delimiter) || newline || joined(cells[3:], delimiter)
            when 'quote' then '"7" x' || delimiter || joined(cells[2:], delimiter)
            when 'note' then '-- end of export --'
            else joined(cells, delimiter)
        end
        when style = 'sqlite' then line
        when style = 'array' and outcome = 'quarantined' then if(how = 'short', '[1]', 'null')
        else case how
            when 'short' then left(line, length(line) // 2)
            when 'long' then line || line
            when 'split' then left(line, 20) || newline || substr(line, 21)
            when 'quote' then replace(line, '"', '''')
            when 'note' then 'null'
            when 'blank' then newline || '  ' || newline || line
            else line
        end
    end as text,
    said
from lined
union all
select file, -1, -1, 0, '', null, 0, joined(list_transform(names, lambda c: quoted(
    coalesce(nullif(regexp_extract(options, c || '=(\w+)', 1), ''), prefix || c), delimiter,
    has(options, 'quotes')
)), delimiter), null
from headers
where style in ('csv', 'sqlite');
