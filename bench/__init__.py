"""Measurements: latency, memory and quality, with the stamp of where they were made."""
