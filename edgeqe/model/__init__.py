"""The model file: its card, its two formats, its strength tables, and the shipped ones by name."""
