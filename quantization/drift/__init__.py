"""The drift gate, and the attribution of a drift to quantization, runtime or decoder (blame)."""
