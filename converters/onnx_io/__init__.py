"""ONNX importer and exporter: files to the graph, and the graph to files."""
