"""The results of the studio panel on the canvas: one layer on trial, switched without undo steps,
kept, discarded, compared; what a person has painted on is never taken away."""

from __future__ import annotations

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.steps import RECORD, TOLD
from tests.gui.test_studio import TITLE, command, generate, ready, studio, undo  # noqa: F401

pytestmark = [pytest.mark.gui, pytest.mark.panel]
JOB = TOLD.format(found=RECORD.format(number=0)) + "['job']"


@pytest.fixture
def four(studio):  # noqa: F811
    """Four variations, the first one on the canvas."""
    studio.before = studio.snapshot()
    ready(studio, count=4, steps=3)
    generate(studio)
    studio.wait_for_layers(2)
    wait(lambda: studio.gui.is_shown(TITLE, "Result 4 of 4"), "four small pictures")
    return studio


def top(gimp):
    return gimp.read("[image.get_layers()[0].get_name(), checksum(image.get_layers()[0])]")


def next_try(gimp, job):
    """Waits for the result of another job than this, whole."""
    wait(lambda: gimp.read(JOB) != job and gimp.at_rest(), "the next try", RESULT_SECONDS)


def switched(gimp, to, press=None):
    """After a command: the name comes last, so the pixels are there when it is."""
    command(gimp, press or "next", "image")
    return wait(lambda: (now := top(gimp))[0].startswith(to) and now, f"result {to}")


def test_four_results_are_switched_in_one_layer_and_one_undo_takes_all_back(four):
    seen = [top(four), *[switched(four, to) for to in ("2/4", "3/4", "4/4")]]
    assert len({checksum for _name, checksum in seen}) == 4
    assert len(four.layers()) == 2
    assert switched(four, "1/4") == seen[0]
    assert switched(four, "4/4", "previous") == seen[3]
    undo(four)
    four.wait_for_layers(1)
    left = four.differences(four.before)
    assert [what for what in left if "dirty" not in what] == []


def test_a_click_chooses_and_return_keeps(four):
    four.gui.click(TITLE, "Result 2 of 4")
    wait(lambda: top(four)[0].startswith("2/4"), "the second result")
    four.gui.keys(TITLE, "Right")
    third = wait(lambda: (now := top(four))[0].startswith("3/4") and now, "the third result")
    wait(lambda: four.gui.focused(TITLE)[0] == "Result 3 of 4", "the focus on it")
    four.gui.keys(TITLE, "Return")
    wait(lambda: not four.gui.sensitive(TITLE, "Keep"), "nothing on trial")
    command(four, "next", "image")  # a further one is a layer of its own now
    four.wait_for_layers(3)
    assert four.read("[image.get_layers()[1].get_name(), checksum(image.get_layers()[1])]") == third


def test_discarding_and_undoing_that(four):
    first = top(four)
    four.gui.press(TITLE, "Discard")
    four.wait_for_layers(1)
    wait(lambda: four.gui.is_shown(TITLE, "Result 1 of 4, discarded"), "the mark")
    four.keep_evidence("studio-discarded")
    undo(four)
    four.wait_for_layers(2)
    assert top(four) == first


def test_comparing_hides_the_result_and_is_nothing_to_undo(four):
    visible = "image.get_layers()[0].get_visible()"
    command(four, "compare", "image")
    wait(lambda: not four.read(visible), "the original")
    command(four, "compare", "image")
    wait(lambda: four.read(visible), "the result")
    undo(four)
    four.wait_for_layers(1)
    left = four.differences(four.before)  # GIMP's mark for changes counts the looks as well
    assert [what for what in left if "dirty" not in what] == []


def test_all_tries_at_a_place_are_one_step_to_undo(four):
    first, before = top(four), four.jobs()[0]["id"]
    ready(four, words="other “words” 🌙", count=2, steps=4)
    generate(four)
    next_try(four, before)
    assert four.read(JOB) == four.jobs()[0]["id"]
    assert len(four.layers()) == 2
    assert top(four) != first
    sources = {job["record"]["request"]["source"]["blob"] for job in four.jobs()[:2]}
    assert len(sources) == 1, "both start from the same picture"
    wait(lambda: four.gui.is_shown(TITLE, "Result 2 of 2"), "both small pictures")
    switched(four, "2/2")
    four.gui.press(TITLE, "Keep")
    wait(lambda: four.gui.is_shown(TITLE, "Result 2 of 2, kept"), "the mark")
    undo(four)
    four.wait_for_layers(1)
    left = four.differences(four.before)
    assert [what for what in left if "dirty" not in what] == []
    wait(lambda: four.gui.is_shown(TITLE, "Result 2 of 2"), "no mark any more")
    four.gui.keys("[0-9]x[0-9].*GIMP", "ctrl+y")
    four.wait_for_layers(2)
    assert top(four)[0].startswith("2/2"), "the one that was kept"


def test_tries_of_one_picture_stand_side_by_side_and_the_keys_go_through_them(studio):  # noqa: F811
    gui, titles = studio.gui, ["红色的月亮", "“blue” moon", "🌕 a yellow moon"]
    made = []
    for number, words in enumerate(titles):
        ready(studio, words=words, steps=2)
        generate(studio)
        wait(lambda words=words: top(studio)[0].startswith(words) and studio.at_rest(), words)
        wait(lambda count=number + 1: len(small(gui)) == count, "one more small picture")
        made.append(top(studio))
    assert len({box[1] for box in small(gui)}) == 1, "one row"
    assert len({box[0] for box in small(gui)}) == 3
    studio.keep_evidence("studio-single-tries")
    for title, checksum in [made[1], made[0], made[2]]:
        assert switched(studio, title) == [title, checksum]
    assert switched(studio, titles[0], "previous") == made[0]
    assert len(studio.layers()) == 2
    ready(studio, words="four", count=4, steps=2)
    generate(studio)
    wait(lambda: gui.is_shown(TITLE, "Result 4 of 4"), "four small pictures", RESULT_SECONDS)
    assert [top(studio)[0][:3], len(small(gui))] == ["1/4", 3]
    for to in ("2/4", "3/4", "4/4", titles[2]):  # from the last of four on to the try before
        switched(studio, to)
    undo(studio)
    studio.wait_for_layers(1)


def small(gui):
    """The places of the small pictures of jobs that have one each."""
    found = gui.places(TITLE, "list item")
    return [box for name, *box in found if name.startswith("Result 1 of 1")]


def test_a_try_of_another_size_takes_over_the_layer(studio):  # noqa: F811
    """Less strength needs less of what is around."""
    studio.gui.python("image.select_ellipse(Gimp.ChannelOps.REPLACE, 200, 120, 40, 30)")
    ready(studio, steps=4)
    before = studio.snapshot()
    generate(studio)
    first = studio.wait_for_layers(2)[0]["box"]
    job, weak = studio.read(JOB), "Refine Selection at 30 %"
    studio.gui.set_value(TITLE, "Strength", 0.3)
    ready(studio, button=weak, steps=8)
    generate(studio, weak)
    next_try(studio, job)
    second = studio.layers()[0]["box"]
    assert second != first
    mask = "(lambda m: [*list(m.get_offsets())[1:], m.get_width(), m.get_height()])"
    assert studio.read(mask + "(image.get_layers()[0].get_mask())") == second
    shown = top(studio)
    undo(studio)
    studio.wait_for_layers(1)
    left = studio.differences(before)
    assert [what for what in left if "dirty" not in what] == []
    studio.gui.keys("[0-9]x[0-9].*GIMP", "ctrl+y")
    studio.wait_for_layers(2)
    assert top(studio) == shown
    assert studio.layers()[0]["box"] == second


def test_what_somebody_has_painted_on_or_locked_stays(four):
    four.gui.python(
        "layer = image.get_layers()[0]\n"
        "layer.fill(Gimp.FillType.FOREGROUND)\n"
        "painted = checksum(layer)"
    )
    command(four, "next", "image")
    four.wait_for_layers(3)
    assert four.read("checksum(image.get_layers()[1]) == painted")
    four.gui.python(  # GIMP kills whoever writes to a locked layer
        "layer = image.get_layers()[0]\nlayer.set_lock_content(True)\nlocked = checksum(layer)"
    )
    command(four, "next", "image")
    four.wait_for_layers(4)
    assert four.read("checksum(image.get_layers()[1]) == locked")
    assert four.gui.is_shown(TITLE, "Keep"), "the panel lives"


def test_a_later_try_is_kept_in_place_of_the_kept_one(four):
    """Where that lies by then, in its group, blended as it is."""
    gui, names = four.gui, "[l.get_name() for l in image.get_layers()]"
    gui.press(TITLE, "Keep")
    wait(lambda: gui.is_shown(TITLE, "Result 1 of 4, kept"), "the mark")
    assert not gui.is_shown(TITLE, "Keep in Place")
    four.gui.python(
        "kept = image.get_layers()[0]\n"
        "x, y = list(kept.get_offsets())[1:]\n"
        "kept.set_offsets(x + 7, y - 3)\n"
        "kept.set_opacity(60)\n"
        "group = Gimp.GroupLayer.new(image, 'a group')\n"
        "image.insert_layer(group, None, 0)\n"
        "image.reorder_item(kept, group, 0)\n"
        "image.set_selected_layers([image.get_layers()[-1]])"
    )
    box = four.read("[x, y]")
    ready(four, words="in “its” place 月", count=1, steps=3)
    generate(four)
    wait(lambda: any("its" in name for name in four.read(names)), "the later try", 120)
    wait(lambda: gui.is_shown(TITLE, "Keep in Place"), "the way to keep it in place")
    before = four.snapshot()
    gui.press(TITLE, "Keep in Place")
    inside = (
        "[[l.get_name(), l.get_opacity(), *list(l.get_offsets())[1:]]"
        " for l in group.get_children()]"
    )
    there = lambda: [one[0] for one in four.read(inside) if "its" in one[0]]  # noqa: E731
    wait(lambda: there() and four.at_rest(), "the try in the group")
    [found] = four.read(inside)
    assert found[1:] == [60, box[0] + 7, box[1] - 3]
    assert len(four.layers()) == 2
    four.keep_evidence("studio-in-place")
    undo(four)
    wait(lambda: len(four.layers()) == 3, "both again")
    seen = ("dirty", "selected_layers")  # GIMP selects a layer that undo brings back
    left = [what for what in four.differences(before) if not any(one in what for one in seen)]
    assert left == []


TURN = "rotate(Gimp.RotationType.DEGREES90)"
CHANGES = {  # what is done to the kept result alone, then to the whole image, which is followed
    "layer_scaled": ("kept.scale(40, 90, True)", False),
    "image_cropped": ("image.crop(220, 150, 60, 50)", True),
    "canvas_resized": ("image.resize(400, 300, 31, 17)", True),
    "image_turned": ("image." + TURN, True),
    "image_scaled": ("image.scale(160, 112)", True),
}


def test_what_was_done_since_is_followed_or_told(four):
    """The first result is kept and the second one on trial when the image, or the first alone, is
    changed: then the second goes exactly where the first is, or stays and a sentence says why."""
    gui = four.gui
    gui.press(TITLE, "Keep")
    wait(lambda: gui.is_shown(TITLE, "Result 1 of 4, kept"), "the mark")
    gui.click(TITLE, "Result 2 of 4")
    wait(lambda: top(four)[0].startswith("2/4"), "the second one on trial")
    gui.python("trial, kept = image.get_layers()[:2]")
    box = "(lambda l: [*list(l.get_offsets())[1:], l.get_width(), l.get_height()])"
    count = "len(image.get_layers())"
    places = f"[{box}(kept), {box}(trial), {count}]"
    before = four.read(places)
    assert before[0] == before[1]
    further = [3, 4, 1]
    for name, (change, follows) in CHANGES.items():
        gui.python(
            "image.undo_group_start()\n" + change + "\nimage.undo_group_end()\n"
            "image.set_selected_layers([image.get_layers()[-1]])\nGimp.displays_flush()"
        )
        wait(lambda: gui.is_shown(TITLE, "Keep in Place"), name)
        there = four.read(f"{box}(kept)")
        gui.press(TITLE, "Keep in Place")
        if follows:
            wait(lambda n=before[2] - 1: four.read(count) == n, name)
            assert four.read(f"{box}(trial)") == there, name
            undo(four)
            wait(lambda n=before[2]: four.read(count) == n, name)
        else:
            wait(lambda: "scaled, turned or cropped since" in gui.all_text(TITLE), name)
            assert four.read(count) == before[2]
            four.keep_evidence("studio-moved-since")
        undo(four)
        wait(lambda was=before: four.read(places) == was, name)
        if follows and further:  # it counts as kept now
            number = further.pop(0)
            gui.click(TITLE, f"Result {number} of 4")
            wait(lambda: gui.sensitive(TITLE, "Keep"), "the next one on trial")
            gui.python("kept, trial = trial, image.get_layers()[0]")
            before = four.read(places)


def test_elsewhere_the_next_result_leaves_this_one(four):
    first = top(four)
    four.gui.python("image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 10, 60, 60)")
    wait(lambda: four.gui.sensitive(TITLE, "Fill Selection"), "the button")
    ready(four, count=1)
    generate(four)
    four.wait_for_layers(3)
    below = "[image.get_layers()[1].get_name(), checksum(image.get_layers()[1])]"
    assert four.read(below) == first
