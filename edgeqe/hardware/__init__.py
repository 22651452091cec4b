"""The machine: its processor, its memory, and its NVIDIA devices."""
