-- What a text is: each cast takes these texts for these values, and what has no value here for
-- none, whatever the engine's own cast takes.

{{ config(meta={'rules': ['BLOG-3', 'MOVIES-3']}) }}

with

integers (text, expected) as (
    values
    ('7', 7), (' 8 ', 8), ('+9', 9), ('-9', -9), ('007', 7),
    ('9223372036854775807', 9223372036854775807),
    ('9223372036854775808', null), ('7.6', null), ('7.', null), ('1e3', null), ('0x10', null),
    ('1_000', null), ('1 000', null), ('+', null), ('R', null), ('@', null), ('', null),
    (' ', null), ('infinity', null), ('٣', null)
),

timestamps (text, expected) as (
    values
    ('2022-01-02', timestamp '2022-01-02 00:00:00'),
    ('2022-01-02T03:04:05', timestamp '2022-01-02 03:04:05'),
    ('2022-01-02 03:04:05.678', timestamp '2022-01-02 03:04:05.678'),
    ('2024-02-29', timestamp '2024-02-29 00:00:00'),
    ('1990-10-09T09:59:50.909', timestamp '1990-10-09 09:59:50.909'),
    ('2009-09-30 19:09:00.050', timestamp '2009-09-30 19:09:00.05'),
    ('2000-01-20T20:50:59.999999', timestamp '2000-01-20 20:50:59.999999'),
    ('0001-01-01T00:00:09', timestamp '0001-01-01 00:00:09'),
    ('9999-12-31T23:59:59', timestamp '9999-12-31 23:59:59'),
    ('2022-01-02T03:60:05', null),
    ('2022-02-30', null), ('20229999-02-06', null), ('2022-1-2', null), ('2022-01-02T03:04', null),
    ('2022-01-02T24:00:00', null), ('2022-01-02T03:04:05Z', null),
    ('2022-01-02T03:04:05+02:00', null), ('infinity', null), ('epoch', null), ('', null),
    (' 2022-01-02', null), ('2022-01-02T03:04:60', null)
),

instants (text, expected) as (
    values
    ('2022-01-02', timestamp '2022-01-02 00:00:00'),
    ('2022-01-02T03:04:05', timestamp '2022-01-02 03:04:05'),
    ('2022-01-02T03:04:05Z', timestamp '2022-01-02 03:04:05'),
    ('2022-01-02T03:04:05+02:00', timestamp '2022-01-02 01:04:05'),
    ('2022-01-01 22:04:05.5-0530', timestamp '2022-01-02 03:34:05.5'),
    ('2022-01-02T03:04:05-14', timestamp '2022-01-02 17:04:05'),
    ('2022-01-02T03:04:05+15', null), ('2022-01-02T03:04:05 UTC', null), ('2022-01-02Z', null)
),

decimals (text, expected) as (
    values
    ('1.5', 1.50), (' -.25 ', -0.25), ('+7', 7.00), ('1e2', 100.00), ('150e-2', 1.50),
    ('1.50000', 1.50), ('0.005e1', 0.05), ('10.05e1', 100.50), ('100.5e-1', 10.05),
    ('0.0005e1', null), ('10.005e0', null), ('1.005', null), ('5e-199', null), ('0x10', null),
    ('1,5', null), ('NaN', null), ('.', null), ('', null)
),

wholes (text, expected) as (
    values
    ('70', 70), ('7.00', 7), ('.0', 0), ('7.', 7), ('7e1', 70), ('7.5', null), ('.5', null)
),

dates (text, expected) as (
    values
    ('2024-02-29', date '2024-02-29'), ('2022-02-29', null), ('20220102', null),
    ('2022-01-02 ', null), ('2022-01-02T00:00:00', null), ('today', null)
),

booleans (text, expected) as (
    values
    ('True', true), (' y ', true), ('1', true), ('f', false), ('NO', false), ('0', false),
    ('2', null), ('tru', null), ('', null)
),

-- Decimals in JSON become texts, with all their digits.
numbers (text, expected) as (
    values
    ('{"p":0.50}', '{"p":"0.50"}'), ('{"p" : -19.09 , "q":1.5}', '{"p" : "-19.09" , "q":1.5}'),
    ('[{"p":1.0},{"p":90.5}]', '[{"p":"1.0"},{"p":"90.5"}]'), ('{"p":7}', '{"p":7}'),
    ('{"q":"p:1.5,"}', '{"q":"p:1.5,"}')
)

select
    'integer' as type,
    text
from integers
where {{ cast_integer('text') }} is distinct from expected
union all
select
    'timestamp' as type,
    text
from timestamps
where {{ cast_timestamp('text') }} is distinct from expected
union all
select
    'instant' as type,
    text
from instants
where {{ cast_instant('text') }} is distinct from expected
union all
select
    'decimal' as type,
    text
from decimals
where {{ cast_decimal('text') }} is distinct from expected
union all
select
    'decimal without a fraction' as type,
    text
from wholes
where {{ cast_decimal('text', 18, 0) }} is distinct from expected
union all
select
    'date' as type,
    text
from dates
where {{ cast_date('text') }} is distinct from expected
union all
select
    'boolean' as type,
    text
from booleans
where {{ cast_boolean('text') }} is distinct from expected
union all
select
    'number in JSON' as type,
    text
from numbers
where {{ text_numbers('text', 'p') }} is distinct from expected
