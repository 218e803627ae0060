"""Draw a graph, step through it, or do both from the command line."""
