-- A film store's application: its three tables, as snapshots.

create schema film_store;
insert into raws values
    ('film_store.film', 60, 4, true, true),
    ('film_store.customer', 80, 5, true, true),
    ('film_store.rating', 600, 11, true, true);

create view film_store.film as
select n, slot, cast(json_object(
    'film_id', cast(1 + n as text),
    'title', pick(['ACADEMY', 'AFRICAN', 'CHAMBER', 'DRAGON', 'EGG'], n) || ' '
        || pick(['DINOSAUR', 'ITALIAN', 'SQUAD, THE'], n // 5 + n),
    'description', 'A tale of a ' || pick(['robot', 'moose', 'pastry chef'], draw(n, 71, 3)),
    'release_year', cast(1990 + draw(n, 72, 30) as text),
    'rental_rate', pick(['4.99', '0.99', '2.99', '3', '0.5'], draw(n, 73, 5)),
    'length', cast(50 + draw(n, 74, 130) as text),
    'rating', pick(['PG', 'R', 'G', 'NC-17', 'PG-13'], draw(n, 75, 5))
) as text) as record
from numbers(60);

create view film_store.customer as
select n, slot, cast(json_object(
    'customer_id', cast(1 + n as text),
    'first_name', pick(['MARY', 'JOSÉ', 'LINDA', 'BØRGE'], draw(n, 76, 4)),
    'last_name', pick(['SMITH', 'O''NEIL', 'JONES', 'GÓMEZ'], draw(n, 77, 4)),
    'email', 'customer' || 1 + n || '@' || pick(['Example.invalid', 'mail.example.invalid'], n),
    'active', cast(if(draw(n, 78, 9) = 0, 0, 1) as text)
) as text) as record
from numbers(80);

-- Customers rate eight films each, none of them one to which something happens.
create view film_store.rating as
select n, slot, cast(json_object(
    'customer_id', cast(1 + customer + customer // 4 as text),
    'film_id', cast(1 + place + place // 3 as text),
    'rating', cast(least(5, 1 + draw(place, 79, 4) + draw(n, 80, 3)) as text)
) as text) as record
from (
    select *, n * 64 // 600 as customer,
        (draw(n * 64 // 600, 81, 45) + n % 11 * 4) % 45 + 45 * (n * 64 // 600 % repeats()) as place
    from numbers(600)
);

insert into files select 'film_store.film', * from (values
    ('film_2026-11-01.csv', 0, ''),
    ('film_2026-11-02.jsonl', 40, '')
);
insert into files select 'film_store.customer', * from (values
    ('customer_2026-11-01.csv', 0, 'bom'),
    ('customer_2026-11-02.csv.gz', 50, 'quotes')
);
insert into files select 'film_store.rating', * from (values
    ('rating_2026-11-01.csv', 0, ''),
    ('rating_2026-11-02.csv', 400, 'crlf')
);

insert into dirt select 'film_store.film', * from (values
    ('superseded, again later', '', '{"rental_rate": "1.99"}'),
    ('rejected', 'rental_rate: too_many_decimals', '{"rental_rate": "4.999"}'),
    ('rejected', 'title: missing', '{"title": null}')
);
insert into dirt select 'film_store.customer', * from (values
    ('superseded, again later', '', '{"active": "9"}'),
    ('kept', 'two_at_signs', '["\"email\":\"", "\"email\":\"a@"]'),
    ('kept', 'no_at_sign', '{"email": "none"}'),
    ('rejected', 'customer_id: not_an_integer', '{"customer_id": "?"}')
);
insert into dirt select 'film_store.rating', * from (values
    ('superseded, again later', '', '{"rating": "1"}'),
    ('rejected', 'film_id: unknown_film', '{"film_id": "990001"}'),
    ('rejected', 'customer_id: unknown_customer', '{"customer_id": "990001"}'),
    ('rejected', 'rating: not_a_rating', '{"rating": "6"}')
);

-- What fills the application's database, a statement a line: text columns and no keys.
create macro application_rows(name) as table
select name, position, n, step, 'insert into ' || split_part(name, '.', 2) || ' ('
    || array_to_string(json_keys(said), ', ') || ') values (' || array_to_string(list_transform(
        json_keys(said), lambda c: '''' || replace(said ->> c, '''', '''''') || ''''
    ), ', ') || ');' as text
from told(name) where outcome != 'quarantined' and said is not null;
create macro application_sql() as table
select text from (
    select table_name as name, -1 as position, 0 as n, 0 as step,
        'create table ' || split_part(table_name, '.', 2) || ' (' || columns || ');' as text
    from (values
        ('film_store.customer', 'customer_id text, first_name text, last_name text, email text, '
            || 'active text'),
        ('film_store.film', 'film_id text, title text, description text, release_year text, '
            || 'rental_rate text, length text, rating text'),
        ('film_store.rating', 'customer_id text, film_id text, rating text')
    ) as t (table_name, columns)
    union all select * from application_rows('film_store.customer')
    union all select * from application_rows('film_store.film')
    union all select * from application_rows('film_store.rating')
) order by name, position, n, step;
