"""Calibration: representative samples, activation ranges, and their statistics."""
