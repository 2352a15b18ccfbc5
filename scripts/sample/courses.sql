-- Courses, as a catalogue that is delivered twice, and what their users make of them.

create schema courses;
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
