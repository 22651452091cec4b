"""Memory estimate of a graph on ONNX Runtime: its kernels, value lifetimes, simulated arena."""
