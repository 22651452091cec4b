"""Signed models: who made a file, and that it is not older than one that this device has run."""
