#!/usr/bin/env python3
"""Writes shapes for the plug-in, for mypy alone: a TypedDict for each model that the server's
answers and the bodies of plans and jobs are made of (server/pentimento/schema/, which it cannot
import), and one for the values of its own options. Run it after a change; `--check` says whether
one is due."""

from __future__ import annotations

import sys
import types
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

REPO = Path(__file__).resolve().parents[1]
PLUGIN = REPO / "plugin" / "pentimento"
sys.path[:0] = [str(REPO / "server"), str(PLUGIN)]

import options  # noqa: E402
import procedures  # noqa: E402
from pentimento.schema import answers, job, plan, snapshot  # noqa: E402
from pentimento.services.settings import ServiceChange  # noqa: E402

ROOTS = (
    *(answers.Status, answers.Models, answers.ServerCapabilities, answers.BackendEntries),
    *(answers.Available, answers.PullSnapshots, answers.StyleList, answers.Checked),
    *(plan.Plan, snapshot.Jobs, snapshot.Accepted, snapshot.StepEvent, snapshot.LoadingEvent),
)
ASKED = (job.JobRequest, plan.PlanRequest, ServiceChange)
HEAD = '''"""The shapes of the server's answers and of what it is asked, for mypy alone: nothing
checks them as GIMP runs. What it is asked, and the request in a record, may lack fields.
Written by tools/answers.py from the server's own models: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union
'''
LISTS = '''

class Lists(Models, StyleList):
    """All that a dialog can choose from."""
'''


VALUES = '''"""The values of options by name, for mypy alone: an action has some of them.
Written by tools/answers.py from the plug-in's own table (options/): do not edit."""

from __future__ import annotations

from typing import Any, TypedDict

Values = TypedDict(
    "Values",
    {
%s    },
    total=False,
)
'''
KINDS = {
    **dict.fromkeys((options.STRING, options.TEXT, options.CHOICE), "str"),
    **dict.fromkeys((options.INT, options.UINT), "int"),
    options.DOUBLE: "float",
    options.BOOLEAN: "bool",
}  # those of GIMP's own items are Any: it has no stubs


def files() -> dict[Path, str]:
    """Each file as ruff formats it."""
    return {PLUGIN / "answers.py": shapes(), PLUGIN / "option_values.py": values()}


def shapes() -> str:
    found: dict[str, type[BaseModel]] = {}
    asked: dict[str, type[BaseModel]] = {}
    for root in (*ROOTS, *ASKED):
        _gather(root, found)
    for root in ASKED:
        _gather(root, asked)
    ordered = sorted(found.values(), key=lambda model: (len(model.__mro__), model.__name__))
    return (
        HEAD + "".join(_class(model, found, model.__name__ in asked) for model in ordered) + LISTS
    )


def values() -> str:
    kinds: dict[str, str] = {}
    for action in procedures.ACTIONS:
        for option in action.options:
            kind = KINDS.get(option.kind, "Any")
            if kinds.setdefault(option.name, kind) != kind:
                raise ValueError(f"the option {option.name} has values of two kinds")
    return VALUES % "".join(f'        "{name}": {kind},\n' for name, kind in sorted(kinds.items()))


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


def _class(model: type[BaseModel], found: dict[str, type[BaseModel]], asked: bool) -> str:
    """Its own fields, below the model that it takes the others from. What the server is asked may
    leave out what has a default."""
    (base,) = [base for base in model.__bases__ if base.__name__ in found] or [None]
    known = base.model_fields if base else {}
    lines = [
        f"    {name}: {_written(field.annotation)}\n"
        for name, field in model.model_fields.items()
        if name not in known or known[name].annotation != field.annotation
    ]
    parent = base.__name__ if base else "TypedDict"
    if asked and not all(field.is_required() for field in model.model_fields.values()):
        parent += ", total=False"
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
    for file, text in files().items():
        if "--check" not in sys.argv:
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
