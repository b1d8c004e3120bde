"""Finds and drives the widgets of GIMP and of its plug-ins through AT-SPI, as a screen reader does.
Runs inside the GIMP root. A plug-in is an application of its own on the accessibility bus."""

from contextlib import suppress

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib

STATES = Atspi.StateType
STEPPER = 34  # px of each of the two buttons of a number


def walk(node, depth=40):
    """All accessible objects below `node`; what vanishes meanwhile is left out."""
    if node is None:
        return
    yield node
    if not depth:
        return
    try:
        count = node.get_child_count()
    except GLib.Error:
        return
    for index in range(count):
        try:
            child = node.get_child_at_index(index)
        except GLib.Error:
            return
        yield from walk(child, depth - 1)


def applications():
    desktop = Atspi.get_desktop(0)
    return [desktop.get_child_at_index(i) for i in range(desktop.get_child_count())]


def application(part):
    for app in applications():
        if app is not None and part in (app.get_name() or ""):
            return app
    return None


def windows(part=""):
    """Titles and objects of all showing windows whose title contains `part`."""
    found = []
    for app in applications():
        with suppress(GLib.Error):  # one that ends meanwhile
            for index in range(app.get_child_count() if app is not None else 0):
                window = app.get_child_at_index(index)
                if window and part in (window.get_name() or "") and has(window, STATES.SHOWING):
                    found.append(window)
    return found


def has(node, state):
    return node.get_state_set().contains(state)


def matches(node, role, name, showing):
    try:
        if role and node.get_role_name() not in role.split("|"):
            return False
        if name is not None and name != (node.get_name() or ""):
            return False
        return not showing or has(node, STATES.SHOWING)
    except GLib.Error:
        return False


def find(root, role=None, name=None, showing=True):
    """The first object below `root` with this role (several by "|") and exact name, or None."""
    return next((node for node in walk(root) if matches(node, role, name, showing)), None)


def described(root, description):
    """The first showing object below `root` whose description ends so, or None."""
    for node in walk(root):
        with suppress(GLib.Error):
            told = node.get_description() or ""
            if told.endswith(description) and has(node, STATES.SHOWING):
                return node
    return None


def last(root, role, name):
    """The last showing one of several that are called alike."""
    return [node for node in walk(root) if matches(node, role, name, True)][-1]


def press(node):
    node.do_action(0)


def set_text(node, text):
    node.get_editable_text_iface().set_text_contents(text)


def text(node):
    body = node.get_text_iface()
    if body is None:
        return node.get_name() or ""
    return Atspi.Text.get_text(body, 0, Atspi.Text.get_character_count(body))


def set_value(node, value):
    node.get_value_iface().set_current_value(value)


def value(node):
    return node.get_value_iface().get_current_value()


def options(combo):
    """The menu items of a combo box, in order."""
    return [node for node in walk(combo) if node.get_role_name() == "menu item"]


def choose(combo, label):
    labels = [item.get_name() for item in options(combo)]
    combo.get_selection_iface().select_child(labels.index(label))


def unfold(root):
    """Opens all folded parts below `root`; how many there were."""
    folded = [
        node
        for node in walk(root)
        if matches(node, "toggle button", None, False)
        and has(node, STATES.EXPANDABLE)
        and not has(node, STATES.EXPANDED)
    ]
    for node in folded:
        press(node)
    return len(folded)


def places(root, role):
    """(name, x, y, width, height) on the screen of all widgets of a role that are seen."""
    found = []
    for node in walk(root):
        if matches(node, role, None, True):
            box = node.get_component_iface().get_extents(Atspi.CoordType.SCREEN)
            found.append((node.get_name(), box.x, box.y, box.width, box.height))
    return found


def cut(root):
    """Numbers whose last digit lies under the two buttons beside them, and labels beyond the edge
    of their window."""
    window, found = extents(root), []
    for node in walk(root):
        with suppress(GLib.Error):
            if matches(node, "spin button", None, True):
                box, end = extents(node), last_character(node)
                if end > box.x + box.width - 2 * min(box.height, STEPPER):
                    found.append((node.get_name(), text(node)))
            elif matches(node, "label", None, True):
                box = extents(node)
                if box.x < window.x or box.x + box.width > window.x + window.width:
                    found.append((node.get_name(), text(node)))
    return found


def last_character(node):
    """Where the text of an entry ends, in px of the screen."""
    body = node.get_text_iface()
    count = Atspi.Text.get_character_count(body)
    box = Atspi.Text.get_range_extents(body, 0, count, Atspi.CoordType.SCREEN)
    return box.x + box.width


def focused(root):
    """Name and role of the innermost widget with the focus, and whether it can be seen. (What a
    scrolled window has brought into sight, GTK goes on calling hidden: its place tells.)"""
    found = None
    for node in walk(root):
        with suppress(GLib.Error):
            if has(node, STATES.FOCUSED):
                found = node
    if found is None:
        return None
    shown = has(found, STATES.SHOWING) or is_in_sight(found)
    return [found.get_name() or "", found.get_role_name(), shown]


def is_in_sight(node):
    """Whether it lies in the part of a scrolled window that is shown."""
    pane = node.get_parent()
    while pane is not None and pane.get_role_name() != "scroll pane":
        pane = pane.get_parent()
    if pane is None or not has(pane, STATES.SHOWING):
        return False
    around, inside = extents(pane), extents(node)
    return (
        min(inside.width, inside.height) > 1
        and around.y <= inside.y
        and inside.y + inside.height <= around.y + around.height
    )


def letters(root):
    """Keys that open widgets below `root`, each with the widget's name."""
    found = []
    for node in walk(root):
        with suppress(GLib.Error):
            action = node.get_action_iface()
            if action is not None and action.get_n_actions() and has(node, STATES.VISIBLE):
                key = action.get_key_binding(0).split(";")[0]
                if key:
                    found.append((key.lower(), node.get_name()))
    return found


NEED_NAMES = "text|spin button|slider|combo box|check box|toggle button|button|push button|entry"


def nameless(root):
    """Roles of showing controls below `root` without a name; what is inside a combo box or a spin
    button belongs to it."""
    if matches(root, NEED_NAMES, "", True):
        return [root.get_role_name()]
    if matches(root, "combo box|spin button", None, True):
        return []
    found = []
    for index in range(root.get_child_count()):
        found += nameless(root.get_child_at_index(index))
    return found


def labels(root):
    """The texts of all showing labels and texts below `root`, a line each. One that goes away while
    it is read, because the window shows something new, says nothing."""
    found = []
    for node in walk(root):
        with suppress(GLib.Error):
            if matches(node, "label|text", None, True):
                found.append(text(node) or node.get_name() or "")
    return "\n".join(found)


def words(root):
    """Every text, name and description below `root`, of what is out of sight as well: entries of
    lists, tooltips, what is folded."""
    found = {}
    for node in walk(root):
        with suppress(GLib.Error):
            for said in (node.get_name(), node.get_description(), text(node)):
                found.update(dict.fromkeys((said or "").splitlines()))
    return list(found)


def dump(root):
    """The tree below `root` as text, for people who write tests."""
    lines = []

    def note(node, depth):
        try:
            if depth > 1 and not has(node, STATES.SHOWING):
                return
            lines.append(f"{'  ' * depth}{node.get_role_name()} {node.get_name()!r}")
            for index in range(node.get_child_count()):
                note(node.get_child_at_index(index), depth + 1)
        except (GLib.Error, AttributeError) as error:
            lines.append(f"{'  ' * depth}({error})")

    note(root, 0)
    return "\n".join(lines)


def extents(node):
    """Where a widget is on the screen, in px: x, y, width, height."""
    return node.get_component_iface().get_extents(Atspi.CoordType.SCREEN)
