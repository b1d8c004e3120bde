"""The studio panel beside a real GIMP: aimed, typed into, generating, previewing,
applying, stopped, over two images, and closed with everything given back."""

from __future__ import annotations

import pytest
from tests.gui.parts import STARTER
from tests.gui.session import FEATHERED, RESULT_SECONDS, wait
from tests.support.tiny_addons import write_lora

pytestmark = [pytest.mark.gui, pytest.mark.panel]
TITLE = "Studio Panel"
WORDS = '一弯“黄色”的月亮 🌙 "it\'s" مرحبا\nsecond line'
PANEL_COMMAND = """
def called(name, image):
    full = "studio" if name == "aim" else "panel-" + name
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-" + full)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    if image is not None:
        config.set_property("image", image)
    return procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
assert called("{name}", {image}), "no panel is open"
"""
OPEN = 'Gimp.get_parasite("pentimento-studio-panel") is not None'
QUESTION = "Close the Panel?"
ANOTHER = """
other = Gimp.Image.new({width}, 30, Gimp.ImageBaseType.RGB)
other_layer = Gimp.Layer.new(other, "x", 40, 30, Gimp.ImageType.RGB_IMAGE, 100,
                             Gimp.LayerMode.NORMAL)
other.insert_layer(other_layer, None, 0)
other_display = Gimp.Display.new(other)
other.clean_all()
"""
CHECKSUM = """
import hashlib
def checksum(layer):
    buffer = layer.get_buffer()
    whole = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    return hashlib.sha256(buffer.get(whole, 1.0, None, Gegl.AbyssPolicy.NONE)).hexdigest()
"""


def command(gimp, name, image="None"):
    gimp.gui.python(PANEL_COMMAND.format(name=name, image=image))


def open_panel(gimp, more=FEATHERED, **size):
    gimp.open_scene(more=more, **size)
    gimp.gui.menu("Studio Panel...")
    gimp.gui.window(TITLE)
    gimp.gui.place(TITLE, 900, 0, 420, 1240)  # what is scrolled out of sight counts as hidden
    gimp.gui.python(CHECKSUM)


@pytest.fixture
def studio(gimp):
    """The panel open over a scene with a lasso; closed in the end."""
    open_panel(gimp)
    yield gimp
    close_panel(gimp)


def close_panel(gimp):
    """Whatever the test has left open."""
    print("GIMP says", gimp.message(), gimp.gui.log()[-4000:])  # seen where the test fails
    gimp.end_jobs()
    if gimp.read(OPEN):
        command(gimp, "close")
    gimp.gui.gone(TITLE)


def ready(gimp, words=WORDS, button="Fill Selection", count=1, steps=0):
    gui = gimp.gui
    gui.set_text(TITLE, "Prompt", words)
    gui.set_value(TITLE, "Variations", count)
    if steps:
        if not gui.is_shown(TITLE, "Quality"):
            gui.press(TITLE, "More options", "toggle button")
        gui.choose(TITLE, "Quality", "Custom")
        gui.set_value(TITLE, "Steps", steps)
    gimp.wait_for_status(TITLE, "steps")
    wait(lambda: gui.sensitive(TITLE, button), f"{button} to be pressed")


def generate(gimp, button="Fill Selection"):
    gimp.earlier = {job["id"] for job in gimp.jobs()}
    gimp.gui.press(TITLE, button)


def at_work(gimp):
    """The job that was begun last, or one that is before it in the queue; one that was stopped may
    be at its last step still."""
    return wait(lambda: begun(gimp), "a job at work", RESULT_SECONDS)


def begun(gimp):
    running = [job for job in gimp.jobs() if job["status"] == "running"]
    steps = (job for job in running if job["progress"]["step"] > 1)
    return next((job for job in steps if job["id"] not in gimp.earlier), None)


def undo(gimp):
    wait(gimp.at_rest, "the end of the change before")
    gimp.gui.keys("[0-9]x[0-9].*GIMP", "ctrl+z")


def test_a_lasso_is_filled_with_one_click_and_one_undo_takes_it_back(studio):
    before = studio.snapshot()
    ready(studio, steps=60)  # it is shown as long as the job runs
    generate(studio)
    shown = wait(lambda: studio.gui.is_shown(TITLE, "Preview"), "a preview", RESULT_SECONDS)
    assert shown
    layers = studio.wait_for_layers(2)
    assert layers[0]["mask"]
    assert layers[0]["name"].startswith("一弯“黄色”的月亮")
    job = studio.jobs()[0]
    assert job["record"]["request"]["prompt"] == WORDS
    image = studio.read("bytes(image.get_parasite('pentimento-id').get_data()).decode()")
    assert job["record"]["request"]["image"] == image.rstrip("\0")
    x, y, width, height = layers[0]["box"]
    place = {"x": x, "y": y, "width": width, "height": height}
    zeros = {"x": 0, "y": 0}  # defaults are not written
    assert zeros | job["record"]["request"]["place"] == place
    wait(lambda: studio.gui.is_shown(TITLE, "Result 1 of 1"), "its small picture")
    undo(studio)
    studio.wait_for_layers(1)
    assert studio.differences(before) == []


def test_stopping_changes_nothing_and_stop_and_keep_places_what_there_is(studio):
    before = studio.snapshot()
    ready(studio, steps=200)
    generate(studio)
    job = at_work(studio)
    studio.gui.press(TITLE, "Stop")
    studio.wait_for_news(TITLE, "Stopped")
    wait(lambda: studio.status_of(job) == "cancelled", "the job's end")
    assert studio.differences(before) == []
    generate(studio)
    at_work(studio)
    studio.gui.press(TITLE, "Stop and Keep")
    studio.wait_for_layers(2)
    request = studio.jobs()[0]["record"]["request"]
    assert 1 <= request["stopped_at"] < 200


def test_two_images_have_jobs_at_once_and_each_gets_its_own(studio):
    studio.gui.python("first = image")
    ready(studio, words="first", steps=40)
    generate(studio)
    at_work(studio)
    studio.open_scene(width=256, height=192, more=FEATHERED)
    command(studio, "aim", "image")
    wait(lambda: "192" in studio.status_line(TITLE), "the plan of the other image")
    ready(studio, words="second", steps=3)
    generate(studio)
    count = "[len(i.get_layers()) for i in (first, image)]"
    both = lambda: studio.read(count) == [2, 2] and studio.at_rest()  # noqa: E731
    wait(both, "a result in both images", RESULT_SECONDS)
    names = studio.read("[i.get_layers()[0].get_name() for i in (first, image)]")
    assert names[0].startswith("first")
    assert names[1].startswith("second")


def test_a_waiting_job_can_be_taken_back(studio):
    ready(studio, words="first", steps=200)
    generate(studio)
    at_work(studio)
    ready(studio, words="second")
    generate(studio)
    waiting = wait(
        lambda: next((job for job in studio.jobs() if job["status"] == "queued"), None),
        "a waiting job",
    )
    studio.gui.press_last(TITLE, "Stop")
    wait(lambda: studio.status_of(waiting) == "cancelled", "its end")
    studio.gui.press(TITLE, "Stop and Keep")
    layers = studio.wait_for_layers(2)
    assert layers[0]["name"].startswith("first")


def test_the_image_is_closed_while_its_job_runs(studio):
    ready(studio, steps=120)
    generate(studio)
    at_work(studio)
    studio.gui.python("image.clean_all()\ndisplay.delete()")
    names = "[l.get_name() for i in Gimp.get_images() for l in i.get_layers()]"
    (name,) = wait(lambda: studio.read(names), "a new image", RESULT_SECONDS)
    assert name.startswith("一弯")
    studio.wait_for_message("open as an image of its own")


def test_without_a_selection_a_layer_is_refined_or_a_picture_is_new(studio):
    studio.gui.python("Gimp.Selection.none(image)")
    wait(lambda: studio.gui.is_shown(TITLE, "Paint a New Picture"), "the button's words")
    studio.gui.set_value(TITLE, "Strength", 0.4)
    words = "Refine All at 40 %"
    wait(lambda: studio.gui.is_shown(TITLE, words), "the button's words")
    ready(studio, button=words)
    generate(studio, words)
    studio.wait_for_layers(2)
    assert studio.jobs()[0]["mode"] == "img2img"


def test_a_second_call_aims_the_open_panel_and_closing_gives_everything_back(gimp):
    open_panel(gimp)
    ready(gimp, words="kept words")
    gimp.open_scene(width=200, height=100)
    gimp.gui.menu("Studio Panel...")
    gimp.wait_for_status(TITLE, "200 × 100")
    assert len([title for title in gimp.gui.titles() if title.startswith(TITLE)]) == 1
    gimp.gui.keys(TITLE, "ctrl+w")
    gimp.gui.gone(TITLE)
    assert not gimp.read(OPEN)
    assert gimp.kept("studio")["typed"]["prompt"] == "kept words"
    gimp.gui.menu("Studio Panel...")
    gimp.gui.window(TITLE)
    assert gimp.gui.text(TITLE, "Prompt", "text") == "kept words"
    assert gimp.gui.nameless(TITLE) == []
    gimp.gui.keys(TITLE, "ctrl+w")
    gimp.gui.gone(TITLE)


def test_images_that_come_and_go_leave_the_panel_as_it_was(studio):
    """While screen readers look at it."""
    ready(studio, words="first", steps=80)
    generate(studio)
    at_work(studio)
    for number in range(6):
        studio.gui.python(ANOTHER.format(width=40 + number))
        if number % 2:
            command(studio, "aim", "other")
            wait(lambda: studio.gui.choice(TITLE, "Image") != "", "an image in the chooser")
        studio.gui.dump(TITLE)
        studio.gui.python("other_display.delete()")
        studio.gui.dump(TITLE)
    studio.wait_for_layers(2)
    assert studio.gui.window(TITLE)


def test_names_are_completed_with_the_words_that_go_along(studio):
    write_lora(STARTER, studio.data / "loras" / "inky-lines.safetensors", seed=1)
    gui = studio.gui
    ready(studio, words="a cat, ")
    gui.type_text(TITLE, "Prompt", "<lora:ink")
    wait(lambda: gui.is_shown(TITLE, "inky-lines · LoRA"), "the LoRA")
    studio.keep_evidence("studio-suggestions")
    shows = lambda text: wait(lambda: gui.text(TITLE, "Prompt", "text") == text, text)  # noqa: E731
    gui.keys(TITLE, "Tab")
    shows("a cat, <lora:inky-lines:1>")
    gui.type_text(TITLE, "Prompt", ", water")
    wait(lambda: gui.is_shown(TITLE, "Watercolor · Style"), "the style")
    gui.press(TITLE, "Watercolor · Style")
    shows("a cat, <lora:inky-lines:1>, ")
    wait(lambda: "Watercolor" in gui.choice(TITLE, "Style"), "the style to be chosen")
    gui.keys(TITLE, "ctrl+z")
    shows("a cat, <lora:inky-lines:1>, water")


def test_closing_asks_where_a_job_would_be_lost(studio):
    ready(studio, words="kept", steps=200)
    generate(studio)
    job = at_work(studio)
    studio.gui.keys(TITLE, "ctrl+w")
    studio.gui.window(QUESTION)
    studio.gui.press(QUESTION, "Keep Open")
    studio.gui.gone(QUESTION)
    studio.gui.press(TITLE, "Stop and Keep")
    studio.wait_for_layers(2)
    wait(lambda: studio.status_of(job) == "succeeded", "the job's end")
    ready(studio, words="lost", steps=200)
    generate(studio)
    job = at_work(studio)
    studio.gui.keys(TITLE, "ctrl+w")
    studio.gui.window(QUESTION)
    studio.gui.press(QUESTION, "Stop and Close")
    studio.gui.gone(TITLE)
    wait(lambda: studio.status_of(job) == "cancelled", "the job's end")
    assert len(studio.layers()) == 2


def test_it_opens_again_where_it_stood(gimp):
    open_panel(gimp)
    before = gimp.gui.geometry(TITLE)
    gimp.gui.place(TITLE, 431, 58, 377, 702)
    stood = wait(lambda: moved(gimp, before), "the panel moved")
    kept = gimp.gui.work / "gimp" / "plug-in-settings" / "plug-in-pentimento-studio-window.json"
    close_panel(gimp)
    gimp.gui.menu("Studio Panel...")
    gimp.gui.window(TITLE)
    wait(lambda: moved(gimp, before) == stood, "the panel where it stood")
    close_panel(gimp)
    for strange in ('{"x": 90000, "y": -4, "width": 377, "height": 702}', '["no", "place"'):
        kept.write_text(strange)
        gimp.gui.menu("Studio Panel...")
        gimp.gui.window(TITLE)
        assert gimp.gui.geometry(TITLE)["X"] < 3000, "on the screen"
        close_panel(gimp)


def moved(gimp, before):
    """Place and size of the panel in px, once they are others than before."""
    now = gimp.gui.geometry(TITLE)
    place = [now[key] for key in ("X", "Y", "WIDTH", "HEIGHT")]
    return place if place != [before[key] for key in ("X", "Y", "WIDTH", "HEIGHT")] else None
