#!/usr/bin/env python3
"""Writes the shapes of the server's answers (server/pentimento/schema/) for the plug-in, which
cannot import them: a TypedDict for each model that an answer is made of, for mypy alone. Run it
after a change; `--check` says whether one is due."""

from __future__ import annotations

import sys
import types
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

REPO = Path(__file__).resolve().parents[1]
FILE = REPO / "plugin" / "pentimento" / "answers.py"
sys.path.insert(0, str(REPO / "server"))

from pentimento.schema import answers, plan, snapshot  # noqa: E402

ROOTS = (
    *(answers.Status, answers.Models, answers.ServerCapabilities, answers.BackendEntries),
    *(answers.Available, answers.PullSnapshots, answers.StyleList, answers.Checked),
    *(plan.Plan, snapshot.Jobs, snapshot.Accepted, snapshot.StepEvent, snapshot.LoadingEvent),
)
HEAD = '''"""The shapes of the server's answers, for mypy alone: nothing checks them as GIMP runs.
Written by tools/answers.py from the server's own models: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union
'''
LISTS = '''

class Lists(Models, StyleList):
    """All that a dialog can choose from."""
'''


def text() -> str:
    """The whole file, as ruff formats it."""
    found: dict[str, type[BaseModel]] = {}
    for root in ROOTS:
        _gather(root, found)
    ordered = sorted(found.values(), key=lambda model: (len(model.__mro__), model.__name__))
    return HEAD + "".join(_class(model, found) for model in ordered) + LISTS


def _gather(model: type[BaseModel], found: dict[str, type[BaseModel]]) -> None:
    if model.__name__ in found:
        return
    found[model.__name__] = model
    for base in model.__bases__:
        if base.model_fields:
            _gather(base, found)
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            _gather(inner, found)


def _models_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [inner for part in get_args(kind) for inner in _models_in(part)]


def _class(model: type[BaseModel], found: dict[str, type[BaseModel]]) -> str:
    """Its own fields, below the model that it takes the others from."""
    (base,) = [base for base in model.__bases__ if base.__name__ in found] or [None]
    known = base.model_fields if base else {}
    lines = [
        f"    {name}: {_written(field.annotation)}\n"
        for name, field in model.model_fields.items()
        if name not in known or known[name].annotation != field.annotation
    ]
    parent = base.__name__ if base else "TypedDict"
    body = "".join(lines) or "    pass\n"
    return f"\n\nclass {model.__name__}({parent}):\n{body}"


def _written(kind: Any) -> str:
    """As Python 3.9 says it. Names of closed sets are plain text here: vocabulary.py has them."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _written(inside[0])
    if origin in (Union, types.UnionType):
        parts = [_written(part) for part in inside if part is not type(None)]
        several = parts[0] if len(parts) == 1 else f"Union[{', '.join(parts)}]"
        return f"Optional[{several}]" if len(parts) < len(inside) else several
    if origin is Literal:
        return "str" if all(isinstance(value, str) for value in inside) else "Any"
    if origin is list or origin is tuple:
        return f"List[{_written(inside[0])}]"
    if origin is dict:
        return f"Dict[{', '.join(map(_written, inside))}]"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "str"
    if kind in (str, int, float, bool) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return kind.__name__
    return "Any"


def main() -> int:
    if "--check" in sys.argv:
        return 0 if FILE.exists() and FILE.read_text("utf-8") == text() else 1
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
