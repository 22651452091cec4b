"""Training: degradation, data, recipes, validation and the loop."""
