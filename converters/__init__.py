"""From Keras to a graph, passes on the graph, and from the graph to a model file."""
