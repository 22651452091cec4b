"""TFLite exporter: the float and the quantized graph to TFLite files."""
