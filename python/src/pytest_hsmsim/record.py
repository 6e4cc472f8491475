"""What the application saw: every call that the module wrote down, and assertions on it.

``HSMSIM_RECORD`` names a directory; each process appends to ``calls-<pid>.ndjson`` and
``events-<pid>.ndjson`` there. All times are real time, in seconds; a call that has not returned yet
is not in the record.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHOWN = 10


@dataclass(frozen=True)
class Call:
    """One call of an application."""

    #: When it began, as `time.time` counts.
    at: float
    #: How long it took, in seconds.
    took: float
    #: ``C_Sign``.
    function: str
    #: The session's handle; 0 for functions without one.
    session: int
    #: ``CKR_OK``.
    code: str
    pid: int
    #: The number of the call fault that struck it; empty if none did.
    call_fault: str = ""


@dataclass(frozen=True)
class Event:
    """Something that the library noticed or did about the members of a group."""

    #: When, as `time.time` counts.
    at: float
    #: ``member_lost``, ``failover``, ``member_recovered``, ``multi_part_lost`` and so on.
    event: str
    #: The group's label.
    group: str
    #: The member's device; empty if it is the whole group's.
    member: str
    detail: str
    pid: int


@dataclass(frozen=True)
class Record:
    """The calls and events of all processes of a cluster, in the order of time.

    A part of a record is a record too: ``record.of("C_Sign").assert_no_errors()``.
    """

    calls: tuple[Call, ...] = ()
    events: tuple[Event, ...] = ()

    @classmethod
    def read(cls, directory: Path) -> Record:
        """Reads what is there now."""
        calls = [
            Call(
                at=line["at_ns"] / 1e9,
                took=line["took_ns"] / 1e9,
                function=line["function"],
                session=line["session"],
                code=line["code"],
                pid=line["pid"],
                call_fault=line.get("call_fault", ""),
            )
            for line in _lines(directory, "calls-*.ndjson")
        ]
        events = [
            Event(
                at=line["at_ns"] / 1e9,
                event=line["event"],
                group=line["group"],
                member=line["member"],
                detail=line["detail"],
                pid=line["pid"],
            )
            for line in _lines(directory, "events-*.ndjson")
        ]
        return cls(
            tuple(sorted(calls, key=lambda call: call.at)),
            tuple(sorted(events, key=lambda event: event.at)),
        )

    def of(self, *functions: str) -> Record:
        """The calls of these functions, and all events."""
        return self._part(lambda call: call.function in functions, lambda event: True)

    def of_process(self, pid: int) -> Record:
        """The calls and events of one process."""
        return self._part(lambda call: call.pid == pid, lambda event: event.pid == pid)

    def since(self, time: float) -> Record:
        """What began at ``time`` (of `time.time`) or later."""
        return self._part(lambda call: call.at >= time, lambda event: event.at >= time)

    def _part(self, call: Callable[[Call], bool], event: Callable[[Event], bool]) -> Record:
        return Record(tuple(filter(call, self.calls)), tuple(filter(event, self.events)))

    @property
    def failed(self) -> tuple[Call, ...]:
        """The calls that did not return CKR_OK."""
        return tuple(call for call in self.calls if call.code != "CKR_OK")

    @property
    def struck(self) -> tuple[Call, ...]:
        """The calls that a call fault struck."""
        return tuple(call for call in self.calls if call.call_fault)

    @property
    def longest(self) -> Call | None:
        """The call that took longest."""
        return max(self.calls, key=lambda call: call.took, default=None)

    @property
    def codes(self) -> Counter[str]:
        """How often each code was returned."""
        return Counter(call.code for call in self.calls)

    @property
    def failovers(self) -> int:
        """How many calls moved to another member."""
        return sum(event.event == "failover" for event in self.events)

    def assert_no_errors(self) -> None:
        """Asserts that there are calls and every one returned CKR_OK."""
        __tracebackhide__ = True
        self.assert_only_codes({"CKR_OK"})

    def assert_only_codes(self, codes: Collection[str]) -> None:
        """Asserts that there are calls and every one returned one of these codes."""
        __tracebackhide__ = True
        self._assert_some_calls()
        wrong = [call for call in self.calls if call.code not in codes]
        if wrong:
            raise AssertionError(f"only {', '.join(sorted(codes))} expected; {self._told(wrong)}")

    def assert_no_call_longer_than(self, seconds: float) -> None:
        """Asserts that there are calls and none took longer, in real time."""
        __tracebackhide__ = True
        self._assert_some_calls()
        wrong = [call for call in self.calls if call.took > seconds]
        if wrong:
            raise AssertionError(f"at most {seconds} s expected; {self._told(wrong)}")

    def assert_failed_over(self) -> None:
        """Asserts that the fault bit: at least one call moved to another member."""
        __tracebackhide__ = True
        if not self.failovers:
            events = [event.event for event in self.events]
            raise AssertionError(f"no call moved to another member; events: {events}")

    def _assert_some_calls(self) -> None:
        __tracebackhide__ = True
        if not self.calls:
            raise AssertionError("there is no call in this record: it proves nothing")

    def _told(self, wrong: list[Call]) -> str:
        lines = [f"{len(wrong)} of {len(self.calls)} calls differ:"]
        lines += [
            f"  {call.function} {call.code} after {call.took:.3f} s, "
            f"session {call.session}, pid {call.pid}"
            f"{call.call_fault and f', struck by call fault {call.call_fault}'}"
            for call in wrong[:_SHOWN]
        ]
        if len(wrong) > _SHOWN:
            lines.append(f"  and {len(wrong) - _SHOWN} more")
        return "\n".join(lines)


def _lines(directory: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(directory.glob(pattern)):
        for line in path.read_bytes().splitlines(keepends=True):
            # A line that is not finished yet will be.
            if line.endswith(b"\n"):
                yield json.loads(line)
