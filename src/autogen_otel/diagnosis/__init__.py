"""Traces in, findings out: what fails, how often, why, and which properties separate it.

``evidence/`` reads conversations one by one and keeps the calls that failed and a fair sample of those that
worked; ``roots`` finds out from many conversations which failures are symptoms of another; ``comparison/``
finds what failing calls have that working ones do not; ``findings`` combines all of it.
"""
