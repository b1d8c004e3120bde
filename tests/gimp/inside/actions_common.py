"""What several files ask of layers."""


def place_of(layer):
    _ok, x, y = layer.get_offsets()
    return [x, y, layer.get_width(), layer.get_height()]


def siblings(layer):
    parent = layer.get_parent()
    others = parent.get_children() if parent else layer.get_image().get_layers()
    return [other.get_id() for other in others]
