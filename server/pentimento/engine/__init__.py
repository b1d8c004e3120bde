"""The engine process: the only place that imports torch."""
