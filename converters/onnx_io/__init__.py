"""ONNX files to the graph, and the graph to ONNX files."""
