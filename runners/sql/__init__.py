"""What tasks for databases share: one folder, so that another database is one file here and one in `tasks/`.

address      JDBC's URLs, taken apart
statements   SQL text into statements, and parameters into the form of a driver
values       what a driver gives, as Ion and JSON have it
session      the Protocol that a database fulfils, and what its mistakes are told as
fields, query, batch   the properties and the work of Query, Queries and Batch, for every database
sqlite, duckdb, postgresql   sessions
"""
