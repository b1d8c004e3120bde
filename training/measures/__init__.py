"""What the starter model is measured by. Each measurement is a generator of `Figure`s that also
leaves its sheets of pictures; seeds are 0, 1, 2, ... and no picture is picked."""
