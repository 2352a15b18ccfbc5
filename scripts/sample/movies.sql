-- A movie database over five months, each with its own columns, spelling of lists and format.

create schema movies;
insert into raws values ('movies.movies_metadata', 270, 3, true, true);

create macro genres() as [
    {'id': 18, 'name': 'Drama'}, {'id': 35, 'name': 'Comedy'}, {'id': 28, 'name': 'Action'},
    {'id': 53, 'name': 'Thriller'}, {'id': 10749, 'name': 'Romance'}, {'id': 80, 'name': 'Crime'},
    {'id': 12, 'name': 'Adventure'}, {'id': 878, 'name': 'Science Fiction'},
    {'id': 27, 'name': 'Horror'}, {'id': 99, 'name': 'Documentary'}
];
-- Names that a list can be broken by; some have several ids, and one changes with time.
create macro companies(released) as [
    {'id': 33, 'name': if(released < date '2005-01-01', 'Universal', 'Universal Pictures')},
    {'id': 6194, 'name': 'Warner Bros.'}, {'id': 5358, 'name': 'Canal+'},
    {'id': 47532, 'name': 'Canal+'}, {'id': 3, 'name': 'D''Pelicula'},
    {'id': 8411, 'name': 'The "Little" Film Company'}, {'id': 17, 'name': 'Studio {Brace}'},
    {'id': 559, 'name': 'Lions, Tigers, Bears'}, {'id': 88, 'name': '[Square] Films, Inc.'},
    {'id': 2550, 'name': 'Étoile Noire Cinéma'}, {'id': 10342, 'name': 'スタジオ・ミナト'},
    {'id': 907, 'name': 'Back\Slash Pictures'}, {'id': 1632, 'name': 'None But the Brave'}
];

create view movies.movies_metadata as
select r.n, r.slot, cast(json_merge_patch(
    -- Of those the second file says no more, nor does a later one.
    if(r.n between scaled(55, 270) and scaled(110, 270) - 1, json('{}'), json_object(
        'adult', false,
        'belongs_to_collection', '',
        'imdb_id', 'tt' || 300001 + r.n,
        'spoken_languages', json('[{"iso_639_1":"en","name":"English"}]'),
        'tagline', pick(['', 'Some doors open once.', 'It isn''t over, it''s Tuesday.'], r.n)
    )),
    json_object(
        'budget', if(draw(r.n, 41, 9) < 4, draw(r.n, 42, 90) * draw(r.n, 43, 90) * 10000, 0),
        'genres', list_filter(genres(), lambda genre, i: draw(r.n * 10 + i, 44, 10) < 2
            or i = 1 + draw(r.n, 45, 10)),
        'id', 300001 + r.n,
        'original_language', pick(['en', 'en', 'fr', 'en', 'de', 'ja'], draw(r.n, 46, 6)),
        'overview', pick(['A baker', 'A thief', 'A nun'], draw(r.n, 47, 3))
            || pick([' finds a map that isn''t meant to be found.', ' opens a bar called "The Ark".',
                ' must choose between a promise, a debt and a train.'], draw(r.n, 48, 3)),
        'popularity', cast(draw(r.n, 49, 4472) * draw(r.n, 49, 4472) / 1000000 as decimal(18, 6)),
        'production_companies', list_filter(
            companies(r.released), lambda company, i: draw(r.n * 20 + i, 50, 13) < 2
        ),
        'release_date', cast(r.released as text),
        'revenue', if(draw(r.n, 51, 9) < 4, draw(r.n, 52, 160) * draw(r.n, 53, 160) * 10000, 0),
        'runtime', 75 + draw(r.n, 54, 70),
        'status', 'Released',
        'title', pick(['The Last', 'A Quiet', 'Midnight', 'Return of the'], draw(r.n, 58, 4)) || ' '
            || pick(['Harbour', 'Stranger', 'Violin', 'Train', 'Orchard'], draw(r.n, 59, 5)),
        'vote_average', 4 + draw(r.n, 55, 40) // 10,
        'vote_count', draw(r.n, 56, 1600)
    )
) as text) as record
from (
    select *, date '1996-01-01' + cast(draw(n, 57, 7300) as integer) as released
    from numbers(270)
) as r;

insert into files select 'movies.movies_metadata', * from (values
    ('2017/movies_metadata_2017-05.csv', 0, 'python'),
    ('2017/movies_metadata_2017-06.csv', 55, 'python bom crlf us_dates'),
    ('2017/movies_metadata_2017-07.csv.gz', 110, 'ascii reversed'),
    ('2017/movies_metadata_2017-08.jsonl', 165, 'ascii'),
    ('2017/movies_metadata_2017-09.tsv', 220, 'python ascii')
);
insert into dirt select 'movies.movies_metadata', * from (values
    ('superseded, again later', '', '{"popularity": 31.415926, "vote_count": 4711}'),
    ('kept', 'undated', '{"release_date": "", "status": "Rumored", "revenue": 0}'),
    ('kept', 'without_genres', '{"genres": []}'),
    ('rejected', 'genres: not_a_list_of_ids_and_names', '{"genres": "[{''id'': 18, ''name'': ''Dra"}'),
    ('kept', 'tiny_popularity', '{"popularity": "8.2e-05"}'),
    ('rejected, again later', 'id: not_an_integer', '{"id": "1997-08-20"}'),
    ('kept', 'blank_numbers', '{"budget": "", "runtime": ""}'),
    ('kept', 'genre_twice', '{"genres": [{"id": 18, "name": "Drama"}, {"id": 18, "name": "Drama"}]}'),
    ('rejected, again later', 'release_date: not_a_date', '{"release_date": "1999-02-30"}'),
    ('kept', 'newline_in_quotes', '{"overview": "He said:\n\"Run, now.\""}'),
    ('rejected', 'genres: missing', '{"genres": ""}'),
    ('duplicate, again later', 'with_logo', '["(\"id\":[0-9]+),", "\\1,\"logo_path\":null,"]'),
    ('kept', 'without_companies', '{"production_companies": []}'),
    ('rejected', 'budget: not_an_integer; revenue: not_an_integer', '{"budget": "$3", "revenue": "1e6"}'),
    ('rejected, again later', 'title: missing', '{"title": ""}'),
    ('kept', 'amount_in_millions', '{"budget": 12, "revenue": 85}'),
    ('rejected', 'popularity: not_a_number; runtime: not_a_number', '{"popularity": "hot", "runtime": "x"}')
);
