"""Scripted AutoGen conversations against a scripted model server; the demo and the tests run on them."""
