"""Diagnosis of what a database stores: it counts in SQL, over all of its spans, and only counts come back.

What fails in one conversation is decided by the same Python as ever, which reads the conversations in which
something failed one by one. What the calls that worked are like is counted where they are.
"""
