"""Traces and diagnoses as one self-contained HTML page, to attach to a ticket.

What agents and tools said is untrusted. ``html`` is the only module that makes markup: every text and every
attribute goes through it as data, and its policy lets nothing run but the page's own script. Everything is in
the markup, so that the page can be read where scripts are stripped; the script adds search, keys and folding.
"""
