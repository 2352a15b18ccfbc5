-- A music store: its database, and exports of some tables as CSV and JSON.

create schema music_store;
create macro genre_of(track) as track // 25 % 8 + 1;  -- of the ninth there is none
create macro genre_name(id) as pick(['Rock', 'Samba', 'Fado', 'Jazz', 'Opera', 'Rock And Roll',
    'Música Popular Brasileira', 'Alternative & Punk', 'Spoken Word'], id - 1);
create macro milliseconds(track) as
    120000 + draw(track, 91, 180000) + if(draw(track, 92, 40) = 0, draw(track, 93, 4000000), 0);
create macro price(track) as if(draw(track, 94, 20) = 0, 1.99, 0.99);
-- Some tracks sell better than others; a track is one of those that are there.
create macro sold(line) as draw(line, 95, 200) * draw(line, 96, 200) // 200 + 200 * (line % repeats());
create macro day_sold(invoice) as cast(date '2011-01-02' + cast(invoice % 72 * 15 as integer) as text);

create view music_store.artists as
select n, slot, cast(json_object('ArtistId', n + 1, 'Name',
    pick(['Os', 'The Electric', 'Maria', 'Café', 'Trio', 'Zé', 'Irmãos'], n) || ' '
    || pick(['Novos', 'do Céu', 'Müller', '& The Tides', 'Ñandú'], n // 7 + n)
) as text) as record from numbers(36);
create view music_store.albums as
select n, slot, cast(json_object('AlbumId', n + 1, 'Title', if(n % 10 = 9, 'Greatest Hits',
    pick(['Saudade', 'Blue', 'Último', 'Paper', 'Silent'], n) || ' '
    || pick(['Street', 'de Verão', 'do Mar', '("Live")', 'No. 5; Finale'], n // 5 + n)
), 'ArtistId', n * 36 // 60 + 1) as text) as record from numbers(60);
create view music_store.genres as
select range as n, range as slot, cast(json_object('GenreId', range + 1, 'Name',
    genre_name(range + 1)) as text) as record from range(9);
create view music_store.media_types as
select range as n, range as slot, cast(json_object('MediaTypeId', range + 1, 'Name',
    pick(['MPEG audio file', 'AAC audio file', 'Protected MPEG-4 video file'], range)
) as text) as record from range(3);
create view music_store.playlists as
select range as n, range as slot, cast(json_object('PlaylistId', range + 1, 'Name',
    pick(['Music', '90’s Music', 'Fado de Coimbra', 'Classical', 'On-The-Go 1', '', 'Music'], range)
) as text) as record from range(7);
create view music_store.tracks as
select n, slot, cast(json_object(
    'TrackId', n + 1,
    'Name', pick(['Noite', 'Golden', 'Chuva', 'Winter', 'Água'], n) || ' '
        || pick(['Train', 'Again', 'Azul', 'Song, Pt. 2', 'Blues'], n // 5 + n),
    'AlbumId', n * 60 // 200 + 1,
    'MediaTypeId', 1 + draw(n, 97, 3),
    'GenreId', genre_of(n),
    'Composer', pick(['Ana Sá', null, 'M. Horváth/L. Ek', 'Kate O''Neil'], draw(n, 98, 4)),
    'Milliseconds', milliseconds(n),
    'Bytes', milliseconds(n) * 33 + n % 1000,
    'UnitPrice', price(n)
) as text) as record from numbers(200);
-- Every track is in the first playlist, and some in another.
create view music_store.playlist_track as
select n, slot, cast(json_object('PlaylistId', if(n % 5 < 3, 1, 3 * (n % 5) - 7 + draw(n, 99, 3)),
    'TrackId', if(n % 5 < 3, n // 5 * 3 + n % 5, n // 5 * 3 + draw(n, 100, 3)) + 1
) as text) as record from numbers(330);
create view music_store.employees as
select range as n, range as slot, cast(json_object('EmployeeId', range + 1,
    'LastName', pick(['Adams', 'Edwards', 'Peacock', 'Park', 'Johnson'], range),
    'FirstName', pick(['Andréa', 'Nancy', 'Jane', 'Márgarét', 'Steve'], range),
    'Title', pick(['General Manager', 'Sales Manager', 'Sales Support Agent'], least(range, 2)),
    'ReportsTo', pick([null, 1, 2], least(range, 2)),
    'HireDate', 1998 + range || '-12-08 00:00:00',
    'Email', 'employee' || range + 1 || '@example.invalid') as text) as record from range(5);
create view music_store.customers as
select n, slot, cast(json_object('CustomerId', n + 1,
    'FirstName', pick(['Luís', 'Helena', 'Astrid', 'Bjørn', 'Hugh'], n),
    'LastName', pick(['Gonçalves', 'Holý', 'Gruber', 'O''Reilly', 'Köhler'], n // 5 + n * 2),
    'City', pick(['São José dos Campos', 'Prague', 'Montréal'], n), 'State', pick(['SP', null, 'QC'], n),
    'Country', pick(['Brazil', 'Czech Republic', 'Canada'], n),
    'Email', 'customer' || n + 1 || '@example.invalid', 'SupportRepId', pick([3, 5], n)
) as text) as record from numbers(36);
create view music_store.invoices as
select n, slot, cast(json_object('InvoiceId', n + 1, 'CustomerId', n * 36 // 72 + 1,
    'InvoiceDate', day_sold(n) || ' 00:00:00',
    'BillingCity', pick(['São José dos Campos', 'Prague', 'Montréal'], n * 36 // 72),
    'Total', price(sold(n * 3)) + price(sold(n * 3 + 1)) + price(sold(n * 3 + 2))
) as text) as record from numbers(72);
create view music_store.invoice_items as
select n, slot, cast(json_object('InvoiceLineId', n + 1, 'InvoiceId', n // 3 + 1,
    'TrackId', sold(n) + 1, 'UnitPrice', price(sold(n)), 'Quantity', 1
) as text) as record from numbers(216);
create view music_store.orders as
select n, slot, cast(json_object('invoice_date', day_sold(n // 3), 'UnitPrice', price(sold(n)),
    'Quantity', 1, 'genre', genre_name(genre_of(sold(n))), 'media_type', 'AAC audio file',
    'minutes', cast((milliseconds(sold(n)) + 3000) // 6000 / 10 as decimal(9, 1))
) as text) as record from numbers(216);
create view music_store.track_facts as
select n, slot, cast(json_object('genre', genre_name(genre_of(n)),
    'minutes', cast((milliseconds(n) + 3000) // 6000 / 10 as decimal(9, 1)), 'price', price(n)
) as text) as record from numbers(150);
