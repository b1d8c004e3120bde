"""An object without its background: the picture's own depth, the object's own colours, and how much
of each pixel belongs to it as the alpha."""

from __future__ import annotations

import numpy as np

from pentimento.imaging import matting, pixels


def of(source: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`(h, w, 4)` of the depth of `source` `(h, w, 4)`: its alpha times `alpha` `(h, w)` float32
    0..1. Where a pixel is mixed with its old background that is taken out of its colours; all other
    colours stay bit for bit, also under full transparency.

    Worked on in tiles along the edge, so that memory follows the tile and not the picture.
    """
    result = source.copy()
    mixed = (alpha > 0) & (alpha < 1)
    for tile, around in matting.tiles(mixed, 4 * matting.band_of(alpha.shape)):
        colours = pixels.to_float(source[around][..., :3])
        clean = matting.decontaminated(colours, alpha[around])
        rows, columns = (
            slice(whole.start - part.start, whole.stop - part.start)
            for whole, part in zip(tile, around, strict=True)
        )
        here = mixed[tile]
        result[tile][..., :3][here] = pixels.to_depth(clean[rows, columns][here], source.dtype)
    rest = pixels.to_float(source[..., 3])
    result[..., 3] = pixels.to_depth(alpha * rest, source.dtype)
    return result
