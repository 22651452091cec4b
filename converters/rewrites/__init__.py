"""Graph passes: constant folding, branch fusion, weight sharing, attention, I/O conventions."""
