"""The diagnosis of traces in a database: it counts all its spans in SQL and returns only the counts.

The same Python as for other sources reads the conversations with a failure one by one and decides what failed
in each. The database counts the calls that worked.
"""
