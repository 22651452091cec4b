"""Post-training quantization to INT8, and the bit-exact oracle that runtimes are compared to."""
