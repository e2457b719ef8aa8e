"""Messages over a stream, however its bytes come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes.framing import Frames, FrameTooLong, framed


@given(st.lists(st.binary(max_size=300)), st.integers(1, 50))
def test_messages_come_out_as_they_went_in_whatever_the_pieces(messages: list[bytes], piece_bytes: int) -> None:
    stream = b"".join(map(framed, messages))
    pieces = [stream[start : start + piece_bytes] for start in range(0, len(stream), piece_bytes)]
    frames = Frames(most_bytes=300)
    assert [message for piece in pieces for message in frames.feed(piece)] == messages


def test_half_a_message_is_no_message() -> None:
    frames = Frames(most_bytes=300)
    whole = framed(b"hello")
    assert list(frames.feed(whole[:-1])) == []
    assert list(frames.feed(whole[-1:])) == [b"hello"]


def test_a_message_that_is_too_long_is_refused_before_it_has_come() -> None:
    with pytest.raises(FrameTooLong, match="301 bytes"):
        list(Frames(most_bytes=300).feed(framed(b"x" * 301)[:4]))
