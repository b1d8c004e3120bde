"""Pure functions over sizes, boxes and numpy arrays: no torch, no HTTP, nothing of ours above."""
