"""What is known of a model that can be downloaded, in words. Nothing here needs GIMP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from choices import N_
from i18n import _

if TYPE_CHECKING:
    from answers import AvailableModel, PullSnapshot

ROLES = {
    "model": N_("model"),
    "controlnet": N_("ControlNet"),
    "lora": N_("LoRA"),
    "vae": N_("VAE"),
    "tiny-vae": N_("tiny VAE"),
    "ip-adapter": N_("IP-Adapter"),
    "annotator": N_("draws control maps"),
    "upscaler": N_("enlarges pictures"),
    "embedding": N_("embedding"),
    "text-encoder": N_("text encoder"),
}
STATES = {
    "queued": N_("waits for its turn"),
    "running": N_("is being downloaded"),
    "paused": N_("paused"),
    "failed": N_("not finished"),
}
ACTIVE = ("queued", "running")
RESUMABLE = ("paused", "failed")
BEGUN = ACTIVE + RESUMABLE
UNITS = ((1e9, N_("{n} GB")), (1e6, N_("{n} MB")), (1e3, N_("{n} kB")))


def amount(size: float) -> str:
    """Bytes for people, in decimal units as disks are sold."""
    for step, words in UNITS:
        if size >= step:
            return _(words).format(n=f"{size / step:.3g}")
    return _("{n} bytes").format(n=round(size))


def role(entry: AvailableModel) -> str:
    return _(ROLES[entry["role"]]) if entry["role"] in ROLES else entry["role"]


def fits(entry: AvailableModel) -> str:
    """Whether it suits the machine the server runs on."""
    told = entry["fits"]
    numbers = {"need": f"{told['need']:g}", "have": f"{told['have']:g}"}
    if not entry["usable"]:
        return _("This version of Pentimento cannot paint with it yet")
    if told["verdict"] == "yes":
        return _("Yes: the card has {have} GB, it needs {need} GB").format(**numbers)
    if told["device"] == "gpu":
        return _("No: it needs {need} GB, the card has {have} GB").format(**numbers)
    if told["verdict"] == "slow":
        return _("Slow on this computer (no graphics card)")
    return _("No: too much for this computer (no graphics card)")


def state(entry: AvailableModel, pull: Any) -> str:
    if entry["installed"]:
        return _("installed")
    words = STATES.get(pull["status"], "") if pull else ""
    return _(words) if words else _("not installed")


def progress(pull: PullSnapshot) -> str:
    """Of a download that runs or has stopped on its way."""
    text = _("{done} of {all}").format(done=amount(pull["done"]), all=amount(pull["bytes"]))
    if pull["bytes_per_second"]:
        speed = amount(pull["bytes_per_second"])
        text += " · " + _("{amount} a second").format(amount=speed)
    if pull["eta_seconds"]:
        text += " · " + _("{n} s left").format(n=pull["eta_seconds"])
    return text


def summary(entry: AvailableModel, pull: Any) -> str:
    """One line of the report."""
    parts = [entry["title"], role(entry), amount(entry["bytes"]), state(entry, pull)]
    return f"{entry['id']}: " + " · ".join([*parts, entry["licence"]["title"], fits(entry)])
