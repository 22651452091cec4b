"""Quantization-aware training: fake quantization in Keras, with calibrated ranges."""
