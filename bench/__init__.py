"""Benchmarks: what being observed costs, as ratios from one interleaved run (``python -m bench``)."""
