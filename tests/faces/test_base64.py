"""Base64 is read in pieces, and means what it means as a whole."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.core import dataurl

LINE_ENDS = st.sampled_from(["", "\n", "\r\n", " ", "\t"])


@given(st.binary(max_size=300), st.integers(1, 9), LINE_ENDS, st.integers(1, 80), st.booleans())
def test_any_bytes_come_back_however_they_are_cut(
    data: bytes, piece: int, line_end: str, width: int, padded: bool
) -> None:
    text = base64.b64encode(data).decode()
    text = text if padded else text.rstrip("=")
    lines = line_end.join(text[at : at + width] for at in range(0, len(text), width))
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(dataurl, "PIECE", piece)
        assert dataurl.read(lines + line_end) == data
        assert dataurl.read("data:image/png;base64," + lines) == data


def test_padding_alone_is_nothing() -> None:
    assert dataurl.read("=") == b""


@pytest.mark.parametrize("piece", [1, 4, 2**20])
@pytest.mark.parametrize("text", ["QQ==QQ==", "Q", "QU!D", "猫", "QUJDQ", "data:,x", "data:x"])
def test_what_is_no_base64_is_refused(monkeypatch, text: str, piece: int) -> None:
    monkeypatch.setattr(dataurl, "PIECE", piece)
    with pytest.raises(ValueError, match=r"."):
        dataurl.read(text)
