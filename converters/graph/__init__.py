"""A network as a graph: nodes, analysis, editing, integer form, strength tables."""
