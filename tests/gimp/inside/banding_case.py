"""The gradient of the banding test, as plain data for the test and for the file that GIMP runs."""

SIZE = (400, 64)
STEP = 16  # of 65535 from one pixel to the next; one step of 8 bits is 257
FIRST = 24000
LEFT, SELECTED, FEATHER = 100, 200, 60  # px; the selection is as high as the image
JUMP = 400
FORMAT = "R'G'B'A u16"


def source_row():
    return [FIRST + STEP * x for x in range(SIZE[0])]


def fill_row():
    """Darker than the source on the left, brighter on the right: where the mask rises or falls, an
    exact blend has steps smaller than the source's."""
    middle = LEFT + SELECTED // 2
    return [value + (JUMP if x >= middle else -JUMP) for x, value in enumerate(source_row())]
