"""The words and settings of each action, kept while a person types and again when a job begins;
GIMP itself keeps the values of runs that succeeded only. One file an action in GIMP's folder, one
for the last words of all of them, and one for each other thing that has a name."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional

from gi.repository import Gimp, GLib

import log
import options
import procedures

KEEP_MS = 400  # after the last change
MOST_WORDS = 20  # prompts that can be taken back
TYPED, RUN = "typed", "run"  # as the dialog was left; as the last job was begun


def path(action: procedures.Action) -> str:
    return os.path.join(Gimp.directory(), "plug-in-settings", action.procedure + ".json")


def keep(action: procedures.Action, config: Any, *kinds: str) -> None:
    """Writes a new file beside the old one and renames it, so that it is never half written. A disk
    that takes nothing must not stop the work: the log tells."""
    values = {
        option.name: _plain(option, config.get_property(option.name))
        for option in action.options
        if option.remembered
    }
    _write(path(action), {**_read(path(action)), **dict.fromkeys(kinds, values)})


class Keeper:
    """Keeps what is typed a moment after the last change, so that a word is written once."""

    def __init__(self, action: procedures.Action, config: Any) -> None:
        self._action, self._config = action, config
        self._timer = 0

    def soon(self) -> None:
        self._stop()
        self._timer = GLib.timeout_add(KEEP_MS, self._late)

    def now(self) -> None:
        self._stop()
        keep(self._action, self._config, TYPED)

    def _late(self) -> bool:
        self._timer = 0
        keep(self._action, self._config, TYPED)
        return GLib.SOURCE_REMOVE

    def _stop(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0


def recall(action: procedures.Action, config: Any, image: Any, kind: str) -> None:
    """Gives the config the values that were kept. What this version does not know, or what this
    image does not have, stays as it is."""
    kept = _read(path(action)).get(kind)
    if not isinstance(kept, dict):
        return
    for option in action.options:
        if option.name in kept and option.remembered:
            _give(config, option, kept[option.name], image)


def _give(config: Any, option: options.Option, value: Any, image: Any) -> None:
    try:
        if option.kind in (options.LAYER, options.CHANNEL):
            value = _found(option, value, image)
            if value is None:
                return
        elif option.kind == options.CHOICE and value not in [c.nick for c in option.choices]:
            return
        config.set_property(option.name, value)
    except (TypeError, ValueError, OverflowError) as error:
        log.warning("%s of %s was not recalled: %s", option.name, option.kind, error)


def _plain(option: options.Option, value: Any) -> Any:
    """The value as JSON has it; an item of an image by what finds it again there."""
    if isinstance(value, Gimp.Item):
        return {"tattoo": value.get_tattoo(), "name": value.get_name()}
    return value


def _found(option: options.Option, kept: Optional[Dict[str, Any]], image: Any) -> Any:
    """The item of the image with this tattoo and name."""
    if image is None or not isinstance(kept, dict):
        return None
    layer = option.kind == options.LAYER
    find = image.get_layer_by_tattoo if layer else image.get_channel_by_tattoo
    item = find(int(kept.get("tattoo", 0)))
    return item if item is not None and item.get_name() == kept.get("name") else None


def words() -> List[Dict[str, str]]:
    """The last prompts of all actions, the newest first, each with its negative prompt."""
    kept = _read(_words_path()).get("words")
    entries = kept if isinstance(kept, list) else []
    return [
        {"prompt": entry["prompt"], "negative": str(entry.get("negative") or "")}
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("prompt"), str)
    ]


def keep_words(prompt: str, negative: str = "") -> None:
    """Puts a prompt first among the last ones; nothing where there are no words."""
    if not prompt.strip():
        return
    newest = {"prompt": prompt, "negative": negative}
    others = [entry for entry in words() if entry != newest]
    _write(_words_path(), {"words": [newest, *others][:MOST_WORDS]})


def named(name: str) -> Dict[str, Any]:
    """What was kept under this name; nothing where that is none, or no JSON."""
    return _read(_named_path(name))


def keep_named(name: str, content: Dict[str, Any]) -> None:
    """What belongs to no action, as JSON has it."""
    _write(_named_path(name), content)


def _words_path() -> str:
    return _named_path("words")


def _named_path(name: str) -> str:
    return os.path.join(Gimp.directory(), "plug-in-settings", f"plug-in-pentimento-{name}.json")


def _write(place: str, content: Dict[str, Any]) -> None:
    partial = f"{place}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
        os.replace(partial, place)
    except OSError as error:
        log.warning("%s is not kept: %s", os.path.basename(place), error)


def _read(place: str) -> Dict[str, Any]:
    try:
        with open(place, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
