-- Grain: one row per raw file and table of the courses that holds at least one landed record.

{{ outcomes_per_file('courses', 'courses', ref('int_courses__courses'), ref('courses')) }}
union all
{{ outcomes_per_file('courses', 'ratings', ref('int_courses__ratings'), ref('ratings')) }}
