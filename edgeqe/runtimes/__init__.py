"""Runtimes: one file each, with the proof of where it ran inside."""
