"""Traces in, findings out: what fails, how often, why, and what it goes with.

``evidence/`` reads conversations one by one and keeps the calls that failed and a fair sample of those that
worked; ``roots`` tells what only many conversations tell: which failures are symptoms of another;
``comparison/`` finds what failing calls have that working ones do not; ``findings`` puts it together.
"""
