"""Passes that rewrite the graph: folding, re-parameterisation, sharing, conventions."""
