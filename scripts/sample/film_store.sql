-- A film store's application: its three tables, as snapshots.

create schema film_store;
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
    'rating', cast(least(5, 2 + draw(place, 79, 3) + draw(n, 80, 2)) as text)
) as text) as record
from (
    select *, n * 64 // 600 as customer,
        (draw(n * 64 // 600, 81, 45) + n % 11 * 4) % 45 + 45 * (n * 64 // 600 % repeats()) as place
    from numbers(600)
);

-- What fills the application's database, a statement a line: text columns and no keys.
create macro application_rows(name) as table
select distinct name as table_name, position, n, step, if(
    position < 0,
    'create table ' || split_part(name, '.', 2) || ' ('
        || replace(replace(text, '"', ''), ',', ' text, ') || ' text);',
    'insert into ' || split_part(name, '.', 2) || ' (' || array_to_string(json_keys(said), ', ')
        || ') values (''' || array_to_string(list_transform(
            json_keys(said), lambda c: replace(said ->> c, '''', '''''')
        ), ''', ''') || ''');'
) as text
from told(name)
where outcome != 'quarantined';
create macro application_sql() as table
select text from (
    from application_rows('film_store.customer')
    union all from application_rows('film_store.film')
    union all from application_rows('film_store.rating')
) order by table_name, position, n, step;
