"""What `casebook combine` does.

`run` does all of it: `folders` finds the files, `workers` has them converted in processes of their
own, `convert` turns one file into lines of JSON by way of the loader's readers (`delimited`,
`json_records`), `segments` puts outputs together, and `outputs` keeps the folder they lie in.
"""
