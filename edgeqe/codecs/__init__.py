"""What a codec says of itself: its tables, its quantization step, its planes. One file a codec."""
