"""Pixels in memory: colour transform, 4:2:0 and full-size views of a picture, callers' arrays."""
