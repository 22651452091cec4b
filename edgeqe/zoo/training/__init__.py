"""Training: compression of the data, pool of crops, recipes, validation and the loop."""
