"""Pictures whose way to the server and back is weighed, as plain data for the test and for the file
that GIMP runs. Each is one action at strength 0, in this order."""

SELECTION = (1000, 900, 1000, 800)  # x, y, width, height


def case(name, size, precision="U8_NON_LINEAR", **options):
    return {"name": name, "size": size, "precision": precision, "options": options}


CASES = (
    case("tiny", (64, 48)),
    case("8 bits", (4000, 3000)),
    case("8 bits as seen", (4000, 3000), source="visible"),
    case("floating point", (2000, 2000), "FLOAT_NON_LINEAR"),
    case("selection in a small canvas", (3000, 2600), area=SELECTION),
    case("selection in a large canvas", (30000, 20000), area=SELECTION),
    case("selection in a large canvas as seen", (30000, 20000), area=SELECTION, source="visible"),
)
