"""Memory that ONNX Runtime's CPU provider takes for a graph, by simulation."""
