"""A guest's agent is asked for a file, and whatever it answers is put up with."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from kvmc.apply import agent
from kvmc.apply.model import HypervisorError
from tests.support.observed import observed

Answers = dict[str, Any]


class Guest:
    """An agent with one answer, or a list of them, for each command; `asked` is what came."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"open": 7, "close": {}, **answers}
        self.asked: list[tuple[str, Answers]] = []

    def __call__(self, command: str) -> str:
        data = json.loads(command)
        name = data["execute"].removeprefix("guest-file-")
        self.asked.append((name, data["arguments"]))
        answer = self.answers[name]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, HypervisorError):
            raise answer
        return answer if isinstance(answer, str) else json.dumps({"return": answer})


def _piece(text: str, *, eof: bool = False) -> Answers:
    return {"count": len(text), "buf-b64": b64encode(text.encode()).decode(), "eof": eof}


def test_a_file_is_opened_read_to_its_end_and_closed() -> None:
    guest = Guest(read=[_piece("processor"), _piece(" : 0\n", eof=True)])
    assert agent.read_file(guest, "/proc/cpuinfo") == "processor : 0\n"
    assert guest.asked[0] == ("open", {"path": "/proc/cpuinfo", "mode": "r"})
    assert [name for name, _ in guest.asked[1:]] == ["read", "read", "close"]
    assert all(given["handle"] == 7 for _, given in guest.asked[1:])


def test_an_agent_that_does_not_let_go_has_told_it_all_the_same() -> None:
    guest = Guest(read=_piece("x", eof=True), close=HypervisorError("no answer"))
    assert agent.read_file(guest, "/x") == "x"


def test_a_refusal_is_told_as_it_is() -> None:
    guest = Guest(open=HypervisorError("Command guest-file-open has been disabled"))
    with pytest.raises(HypervisorError, match="has been disabled"):
        agent.read_file(guest, "/x")
    assert len(guest.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        "[" * 100_000,
        '{"error": {}}',
        '"return"',
        [[]],
        {},
        {"buf-b64": "no base64!"},
        {"buf-b64": None, "eof": True},
        {"buf-b64": "ü", "eof": True},
    ],
    ids=lambda answer: str(answer)[:30],
)
def test_an_answer_that_makes_no_sense_is_a_reason(answer: Any) -> None:
    guest = Guest(read=answer)
    with pytest.raises(HypervisorError, match="makes no sense"):
        agent.read_file(guest, "/x")
    assert guest.asked[-1][0] == "close"


def test_a_file_without_an_end_is_not_read_for_ever() -> None:
    guest = Guest(read=_piece("x" * 1024 * 1024))
    with pytest.raises(HypervisorError, match="makes no sense"):
        agent.read_file(guest, "/dev/zero")
    assert len(guest.asked) == 19


TARGET = "<target type='virtio' name='{}'{}/>"


@pytest.mark.parametrize(
    ("name", "state", "expected"),
    [
        (agent.CHANNEL, " state='connected'", "connected"),
        (agent.CHANNEL, " state='disconnected'", "disconnected"),
        (agent.CHANNEL, "", "disconnected"),
        ("com.redhat.spice.0", " state='connected'", "none"),
    ],
)
def test_only_an_open_channel_of_that_name_can_be_asked(
    name: str, state: str, expected: str
) -> None:
    target = TARGET.format(name, state)
    live = f"<domain><devices><channel type='unix'>{target}</channel></devices></domain>"
    assert agent.channel(observed(live, live)) == expected
    assert agent.channel(observed(live)) == "none"
