"""Keras importer: functional models to the graph."""
