"""Calibration: representative samples, activation ranges, and the statistics that find them."""
