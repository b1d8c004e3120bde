"""Which kind of model a weight file is, by the names and shapes in it."""
