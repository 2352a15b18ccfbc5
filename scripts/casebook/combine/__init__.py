"""`casebook combine`: `run` does all of it; none of it imports DuckDB, which costs 40 MB a process.

`run` has files converted by two processes, `convert` makes one file a stretch of deflate by way of
`records`, and `outputs` joins the stretches and keeps the folder of outputs.
"""
