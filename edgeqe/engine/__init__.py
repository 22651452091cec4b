"""Tiled, memory-bounded inference: tiles on threads inside one memory limit."""
