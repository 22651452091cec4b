"""Post-training quantization to INT8, and the integer oracle that runtimes are compared to."""
