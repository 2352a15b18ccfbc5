-- Courses, as a catalogue that is delivered twice, and what their users make of them.

create schema courses;
insert into raws values
    ('courses.courses', 60, 4, true, true),
    ('courses.ratings', 480, 9, true, true);

create view courses.courses as
select n, slot, cast(json_object(
    'course_id', cast(1001 + n as text),
    'title', pick(['Introduction to', 'Advanced', 'Practical', 'Testing in', 'The "apply" of'], n // 12 + n)
        || ' ' || pick(['Data', 'Joins, All of Them', 'Plots', 'Schemas'], n // 5 + n) || ' ' || n + 1,
    'description', pick(['Lists, frames and factors.', '', 'One page of rules; years of practice.'], n),
    'programming_language', pick(['R', 'Python', 'SQL', '', 'r', 'python', ' SQL '], n)
) as text) as record
from numbers(60);

-- Users rate ten courses each, none of them one to which something happens; good ones better.
create view courses.ratings as
select n, slot, cast(json_object(
    'user_id', cast(1 + n // 10 as text),
    'course_id', cast(1001 + course as text),
    'rating', cast(greatest(1, least(10, 5 + draw(course, 61, 6) + draw(n, 62, 3) - 1)) / 2 as text)
) as text) as record
from (
    select *, place + place // 3 as course
    from (
        select *, (draw(n // 10, 63, 45) + n % 10 * 7) % 45 + 45 * (n // 10 % repeats()) as place
        from numbers(480)
    )
);

insert into files select 'courses.courses', * from (values
    ('courses_2021-03-01.csv', 0, ''),
    ('courses_2021-04-15.csv', 30, 'semicolon'),
    ('courses_2021-05-20_changed.csv.gz', 60, 'quotes')
);
insert into files select 'courses.ratings', * from (values
    ('2021/ratings_2021-03.csv', 0, ''),
    ('2021/ratings_2021-04.csv', 120, 'crlf again'),
    ('2021/ratings_2021-05.csv.gz', 240, 'bom reversed'),
    ('2021/ratings_2021-06.tsv', 360, ''),
    ('2021/ratings_2021-06_changed.txt', 480, 'pipe')
);

insert into dirt select 'courses.courses', * from (values
    ('superseded, again later', '', '{"title": "Data Frames"}'),
    ('kept', 'newline_in_quotes', '{"description": "Two\nlines."}'),
    ('rejected', 'title: not_a_title', '{"title": "  "}'),
    ('rejected', 'course_id: not_an_integer; title: missing', '{"course_id": "n/a", "title": ""}'),
    ('duplicate, again later', '', '["\"course_id\":\"", "\"course_id\":\"+"]')
);
insert into dirt select 'courses.ratings', * from (values
    ('superseded, again later', '', '{"rating": "0.75"}'),
    ('rejected', 'rating: out_of_range', '{"rating": "6"}'),
    ('rejected, again 1', 'rating: not_a_number', '{"rating": "4,5"}'),
    ('rejected', 'course_id: unknown_course', '{"course_id": "990001"}'),
    ('rejected, again later', 'rating: out_of_range', '{"rating": "0.4"}'),
    ('rejected', 'user_id: not_an_integer', '{"user_id": "guest"}'),
    ('duplicate, again 1', '', '["(\"user_id\":\")", "\\1 +"]'),
    ('rejected', 'rating: too_many_decimals', '{"rating": "4.555"}'),
    ('rejected', 'rating: missing', '{"rating": ""}'),
    ('rejected', 'course_id: missing; rating: not_a_number', '{"course_id": "", "rating": "n/a"}')
);
