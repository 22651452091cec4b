"""Pruning, calibration and INT8, on the graph of the converters."""
