"""The model manager in real GIMP, with a hub on loopback: a model comes with its licence agreed to,
can be paused on its way, is there to paint with, and goes again."""

from __future__ import annotations

import json

import pytest
from tests.gui.session import wait
from tests.models.hub.server import entry, own_catalogue, serving
from tests.support import tiny_models

pytestmark = pytest.mark.gui
TITLE = "Models"
MODEL = "Title of tiny-painter"
FILES = (
    *("model_index.json", "pentimento.json", "scheduler/*", "tokenizer/*"),
    *("unet/*", "vae/*", "text_encoder/*"),
)
CALL = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-models")
config = procedure.create_config()
for name, value in {values!r}.items(): config.set_property(name, value)
answer = procedure.run(config)
said = [answer.index(0) == Gimp.PDBStatusType.SUCCESS, answer.index(1)]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_models.write_sd15(tmp_path_factory.mktemp("hub") / "tiny-sd15")


@pytest.fixture
def hub(gimp, tiny):
    """A hub that the server of this GIMP takes its models from."""
    with serving({"studio/tiny": tiny}) as running:
        own_catalogue(gimp.data, entry("tiny-painter", files=FILES, licence="strict"))
        settings = gimp.data / "settings.json"
        settings.write_text(json.dumps({"downloads": {"endpoint": running.endpoint}}))
        yield running
        settings.unlink()
        (gimp.data / "catalogue.toml").unlink()


def call(gimp, **values):
    gimp.gui.python(CALL.format(values={k.replace("_", "-"): v for k, v in values.items()}))
    return gimp.read("said")


def told(gimp, part, seconds=60):
    gui = gimp.gui
    return wait(lambda: (t := gui.all_text(TITLE)) and part in t and t, part, seconds)


def test_a_model_comes_is_painted_with_and_goes(gimp, hub):
    gui = gimp.gui
    hub.fault("slow", times=99)
    gimp.open_dialog(TITLE)
    assert "2.14 GB · CreativeML OpenRAIL-M" in told(gimp, "Stable Diffusion 1.5 · not installed")
    gui.set_text(TITLE, "Find", "tiny-paint")
    told(gimp, f"{MODEL} · not installed")
    question = f"Download {MODEL}"
    gui.press(TITLE, question)
    gui.window(question)
    assert "Strict licence" in gimp.text_with(question, "For tests only.")
    assert hub.asked == []  # the licence comes before the first byte
    gui.press(question, "I have read the licence and agree to it")
    gui.press(question, "Download")
    gui.gone(question)
    gui.widget_showing(TITLE, f"Pause {MODEL}")
    gui.press(TITLE, f"Pause {MODEL}")
    told(gimp, f"{MODEL} · paused")
    gimp.keep_evidence("models-paused")
    hub.faults.clear()
    gui.press(TITLE, f"Resume {MODEL}")
    told(gimp, f"{MODEL} · installed")
    gui.press(TITLE, "Close")
    gui.gone(TITLE)

    painting = gimp.open_dialog("Text to Image")
    wait(lambda: MODEL in gui.choices(painting, "Model"), "the new model")
    gui.keys(painting, "Escape")
    gui.gone(painting)

    gimp.open_dialog(TITLE)
    told(gimp, f"{MODEL} · installed")
    gui.set_text(TITLE, "Find", "tiny-paint")
    removing = f"Remove {MODEL}"
    gui.press(TITLE, removing)
    gui.window(removing)
    gui.press(removing, "Remove")
    gui.gone(removing)
    told(gimp, f"{MODEL} · not installed")
    assert not (gimp.data / "models" / "tiny-painter").exists()
    gui.press(TITLE, "Close")
    gui.gone(TITLE)


def test_scripts_download_and_remove(gimp, hub):
    succeeded, text = call(gimp, command="download", model="tiny-painter")
    assert not succeeded
    assert "Strict licence" in text
    succeeded, text = call(gimp, command="download", model="tiny-painter", accept_licence=True)
    assert succeeded, text
    assert "tiny-painter: Title of tiny-painter · model · 3 MB · installed" in text
    assert (gimp.data / "models/tiny-painter/model_index.json").is_file()
    _status, text = call(gimp, command="remove", model="tiny-painter")
    assert "tiny-painter: Title of tiny-painter · model · 3 MB · not installed" in text
