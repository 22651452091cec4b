"""Keras models to the graph."""
