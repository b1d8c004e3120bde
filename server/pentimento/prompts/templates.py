"""Prompts that leave something to chance: `{red|blue}`, and `__name__` for a line of a file.

- `parse(text) -> Template`, and of it `choices`
- `expand(template, draw, lines) -> str` draws, with 0 <= draw() < 1 for each decision

Choices may be nested and weighted (`{3::red|blue}`), and may give several (`{2$$a|b|c}`,
`{1-2$$ and $$a|b|c}`). Braces without a bar are text, so JSON stays as it is. A backslash takes a
sign as it is: `\\{`, `\\|`, `\\}`, `\\_`, `\\<`; those before brackets are left to `weights`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pentimento.core.errors import BadInput, TooLarge, field_error

DEEPEST = 16  # choices within choices, lines of files within lines of files
MOST_DRAWS = 1000  # of one prompt
LONGEST = 8000  # characters of what comes out, as of a prompt
SIGNS = re.compile(r"\\.|[{|}]|__(?P<name>[^\W_](?:[\w./ -]*?[^\W_])?)__", re.DOTALL)
ESCAPED = re.compile(r"\\([{|}_<])|\\.", re.DOTALL)
SHARE = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)::")
SEVERAL = re.compile(r"\s*(\d{1,3})(?:-(\d{1,3}))?\$\$(?:((?:(?!\$\$)[^{}])*)\$\$)?")
BETWEEN = ", "  # several that are drawn

Draw = Callable[[], float]
Lines = Callable[[str], Sequence[str]]  # name of a file of wildcards -> its entries


@dataclass(frozen=True, slots=True)
class Wildcard:
    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text, choices and wildcards in their order."""

    parts: tuple[str | Wildcard | Choice, ...]

    @property
    def names(self) -> set[str]:
        """Of all wildcards in it, drawn or not."""
        found: set[str] = set()
        for part in self.parts:
            if isinstance(part, Wildcard):
                found.add(part.name)
            elif isinstance(part, Choice):
                found.update(*(option.names for option in part.options))
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """`least` to `most` different ones of the options are taken, by their shares. `span` is where
    it stands in the text, its end exclusive."""

    options: tuple[Template, ...]
    shares: tuple[float, ...]
    least: int
    most: int
    between: str
    span: tuple[int, int]
    depth: int


Part = str | Wildcard | Choice
Parts = list[Part]


@dataclass(slots=True)
class _Open:
    """An opening brace that may turn out to be text."""

    at: int
    options: list[Parts] = field(default_factory=lambda: [[]])


def parse(text: str) -> Template:
    """Raises BadInput for choices that are nested too deeply or have no share."""
    stack = [_Open(-1)]
    at = 0
    for sign in SIGNS.finditer(text):
        stack[-1].options[-1].append(text[at : sign.start()])
        at = sign.end()
        if sign["name"]:
            stack[-1].options[-1].append(Wildcard(sign["name"]))
        elif sign[0] == "{":
            stack.append(_Open(sign.start()))
        elif sign[0] == "|" and len(stack) > 1:
            stack[-1].options.append([])
        elif sign[0] == "}" and len(stack) > 1:
            closed = stack.pop()
            stack[-1].options[-1] += _closed(closed, at)
        else:
            stack[-1].options[-1].append(sign[0])
    stack[-1].options[-1].append(text[at:])
    parts = stack[0].options[0]
    for opened in stack[1:]:  # braces that nothing closes
        parts += ["{", *_joined(opened.options)]
    return _template(parts)


def spans(template: Template) -> list[tuple[int, int]]:
    """Where its choices stand in the text."""
    return [part.span for part in template.parts if isinstance(part, Choice)]


def expand(template: Template, draw: Draw, lines: Lines) -> str:
    """What is drawn, with the backslashes of this module's signs taken away. Raises what `lines`
    raises, BadInput for wildcards that name one another, TooLarge."""
    return ESCAPED.sub(lambda sign: sign[1] or sign[0], _Drawing(draw, lines).of(template, 0))


class _Drawing:
    def __init__(self, draw: Draw, lines: Lines) -> None:
        self._draw, self._lines = draw, lines
        self._draws = 0

    def of(self, template: Template, depth: int) -> str:
        """`depth` counts files within files."""
        parts = [
            part if isinstance(part, str) else self._one(part, depth) for part in template.parts
        ]
        if sum(map(len, parts)) > LONGEST:
            raise TooLarge(
                "too_large",
                f"With what is drawn the prompt is longer than {LONGEST} characters.",
                "Use shorter entries, or fewer.",
            )
        return "".join(parts)

    def _one(self, part: Choice | Wildcard, depth: int) -> str:
        self._draws += 1
        if self._draws > MOST_DRAWS or depth >= DEEPEST:
            raise _endless()
        if isinstance(part, Choice):
            return part.between.join(self.of(option, depth) for option in self._taken(part))
        lines = self._lines(part.name)
        chosen = lines[int(self._draw() * len(lines))]
        return self.of(parse(chosen), depth + 1)

    def _taken(self, choice: Choice) -> list[Template]:
        """Different ones, each as likely as its share of those that are left."""
        left = [(o, s) for o, s in zip(choice.options, choice.shares, strict=True) if s]
        count = choice.least + int(self._draw() * (choice.most - choice.least + 1))
        taken = []
        for _ in range(min(count, len(left))):
            at = self._draw() * sum(share for _, share in left)
            place = 0
            while place < len(left) - 1 and at >= left[place][1]:
                at -= left[place][1]
                place += 1
            taken.append(left.pop(place)[0])
        return taken


def _closed(opened: _Open, end: int) -> Parts:
    """A choice, or the text that it is without a bar."""
    if len(opened.options) < 2:
        return ["{", *opened.options[0], "}"]
    first = opened.options[0]
    several = SEVERAL.match(_leading(first))
    least, most, between = 1, 1, BETWEEN
    if several:
        _strip(first, several.end())
        least = int(several[1])
        most = max(int(several[2] or least), least)
        between = BETWEEN if several[3] is None else several[3]
    shares = [_share(option) for option in opened.options]
    if not any(shares):
        raise _wrong("A choice in the prompt has no option with a share above 0.", "Give one some.")
    options = tuple(_template(option) for option in opened.options)
    inner = [part.depth for o in options for part in o.parts if isinstance(part, Choice)]
    depth = 1 + max(inner, default=0)
    if depth > DEEPEST:
        raise _wrong(
            f"Choices in the prompt are nested more than {DEEPEST} deep.", "Write it more simply."
        )
    return [Choice(options, tuple(shares), least, most, between, (opened.at, end), depth)]


def _share(option: Parts) -> float:
    """Taken off the option's text; 1 where nothing is said."""
    told = SHARE.match(_leading(option))
    if not told:
        return 1.0
    _strip(option, told.end())
    return float(told[1])


def _leading(parts: Sequence[Part]) -> str:
    """The text it begins with."""
    found = []
    for part in parts:
        if not isinstance(part, str):
            break
        found.append(part)
    return "".join(found)


def _strip(parts: Parts, length: int) -> None:
    """Takes so many characters off its leading text."""
    leading = _leading(parts)
    while parts and isinstance(parts[0], str):
        del parts[0]
    parts.insert(0, leading[length:])


def _joined(
    options: Sequence[Sequence[Part]],
) -> Parts:
    """Options of a choice that is none, with their bars."""
    found: Parts = list(options[0])
    for option in options[1:]:
        found += ["|", *option]
    return found


def _template(parts: Sequence[Part]) -> Template:
    """Neighbouring texts as one."""
    merged: Parts = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    return Template(tuple(merged))


def _endless() -> BadInput:
    return _wrong(
        f"Wildcards in the prompt name one another more than {DEEPEST} deep or {MOST_DRAWS} times.",
        "Look for a file of wildcards that names itself.",
    )


def _wrong(message: str, hint: str) -> BadInput:
    details = field_error("prompt", "cannot be drawn from")
    return BadInput("bad_request", message, hint, details=details)
