"""The intermediate graph: nodes, analysis, editing, its quantized form, strength tables."""
