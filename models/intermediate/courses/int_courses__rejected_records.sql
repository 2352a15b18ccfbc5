-- Grain: one row per course or rating record that was rejected.

{{ rejected_records_of('courses', 'courses', ref('int_courses__courses')) }}
union all
{{ rejected_records_of('courses', 'ratings', ref('int_courses__ratings')) }}
