"""A transformer steered by a ControlNet, over HTTP: the real server with the real engine."""

from __future__ import annotations

import numpy as np
from tests.support.tiny_flow_models import write_flux
from tests.support.tiny_flow_nets import NETS, write_flow_net

RAW = {"Accept": "application/x-pixels"}
ENGINE_SECONDS = 180  # the first job waits for torch to be imported
SIDE = 64


def test_a_flux_model_is_steered_by_a_union(launch, tmp_path):
    data = tmp_path / "data"
    write_flux(data / "models" / "tiny")
    write_flow_net(data / "controlnets" / "all-of-them", *NETS["flux-union"][1:])
    write_flow_net(data / "controlnets" / "sd3-depth", *NETS["sd3-canny"][1:])
    front = launch(real=True)
    (listed,) = [
        net
        for net in front.call("GET", "/v1/models").json["controlnets"]
        if net["fits"] == ["tiny"]
    ]
    assert (listed["id"], listed["control"], listed["family"]) == ("all-of-them", "union", "flux")

    drawn = np.zeros((SIDE, SIDE, 4), np.uint8)
    drawn[..., 3], drawn[20:44, 20:44, :3] = 255, 255
    asked = {"mode": "txt2img", "model": "tiny", "prompt": "a red ball", "seed": 7, "steps": 2}
    asked |= {"width": SIDE, "height": SIDE, "preview": True}
    control = {"type": "depth", "image": front.blob(drawn.tobytes(), SIDE, SIDE)}

    def made(**changes):
        job = front.finished(front.start(asked | changes), ENGINE_SECONDS)
        assert job["status"] == "succeeded", job["error"]
        return job, front.call("GET", job["images"][0]["url"], headers=RAW).body

    plain = made()[1]
    job, steered = made(controls=[control])
    assert job["record"]["request"]["controls"][0]["model"] == "all-of-them"
    assert steered != plain
    assert made(controls=[control | {"weight": 0}])[1] == plain
    assert made(**job["record"]["request"])[1] == steered

    refused = front.call(
        "POST", "/v1/jobs", asked | {"controls": [control | {"model": "sd3-depth"}]}
    )
    assert (refused.status, refused.code) == (400, "unsupported")
    assert "(it is for sd3)" in refused.json["error"]["message"]
