-- A movie database over five months, each with its own columns, spelling of lists and format.

create schema movies;
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
    -- Of those that the second file tells of none says more, wherever they are told.
    if(r.n between scaled(55, 270) - 3 and scaled(110, 270) - 1, json('{}'), json_object(
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
