"""The graph to TFLite files."""
