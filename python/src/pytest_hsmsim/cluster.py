"""A cluster on a temporary state directory, and the faults that strike it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from .command import Command, HsmsimError
from .record import Record
from .status import Status

#: How many times as fast HA timers run where neither the test nor the topology says anything.
DEFAULT_TIME_SCALE = 20.0


@dataclass(frozen=True)
class Slot:
    """A slot that applications see."""

    id: int
    #: The token's label.
    label: str
    #: Whether it has a token; if not it is blank, for C_InitToken.
    initialized: bool


class _Lasting(ABC):
    """What holds from its making until it is ended, at the latest at the end of its ``with`` block."""

    def __init__(self, text: str) -> None:
        self._text = text

    @abstractmethod
    def _end(self) -> None:
        """Ends it now; a second time it does nothing."""

    def __enter__(self: _L) -> _L:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._text}>"

    def __str__(self) -> str:
        return self._text


# typing.Self comes with Python 3.11 only.
_L = TypeVar("_L", bound=_Lasting)


class Fault(_Lasting):
    """A fault that strikes from its making until it is healed.

    As a context manager it heals itself at the end of the block. A device whose loss of power ends
    boots first, and a lost member is not used again before somebody calls `Cluster.recover`.
    """

    def __init__(self, cluster: Cluster, ids: Sequence[int], text: str) -> None:
        super().__init__(text)
        self._cluster = cluster
        self._ids = tuple(ids)

    def heal(self) -> None:
        """Ends it now. Once is enough, twice does no harm."""
        ids, self._ids = self._ids, ()
        for id in ids:
            # 1: it was over already, by itself or by `Cluster.heal_all`.
            self._cluster.hsmsim("fault", "heal", str(id), codes=(0, 1))

    _end = heal


class CallFault(_Lasting):
    """What becomes of single calls of applications, from its making until it is removed.

    As a context manager it removes itself at the end of the block.
    """

    def __init__(self, cluster: Cluster, id: int, text: str) -> None:
        super().__init__(text)
        #: Its number, which a struck call has in `Call.call_fault`.
        self.id = id
        self._cluster = cluster
        self._set = True

    def remove(self) -> None:
        """Ends it now. Once is enough, twice does no harm."""
        if self._set:
            self._set = False
            # 1: `Cluster.clear_call_faults` has removed it already.
            self._cluster.hsmsim("call-fault", "remove", str(self.id), codes=(0, 1))

    _end = remove


class Cluster:
    """A cluster in a folder that somebody else makes and removes.

    In tests it comes from the fixture ``hsmsim_cluster``.
    """

    def __init__(
        self,
        folder: Path,
        program: str,
        topology: str = "ha-pair",
        time_scale: float | None = None,
    ) -> None:
        """Makes a cluster. ``topology``: a shipped name, a path, or a text of several lines.

        Raises `HsmsimError` for a topology that is not there or not valid.
        """
        self.state_dir = folder / "state"
        self._record = folder / "record"
        self._record.mkdir()
        text = None
        if "\n" in topology:
            text = topology
            (folder / "topology.toml").write_text(text)
            topology = str(folder / "topology.toml")
        elif "/" in topology or topology.endswith(".toml"):
            topology = str(Path(topology).absolute())
            # The command says what is wrong with a path that leads nowhere.
            text = Path(topology).read_text() if Path(topology).is_file() else None
        #: How many times as fast as the clock HA timers run.
        self.time_scale = time_scale or _time_scale_of(text) or DEFAULT_TIME_SCALE
        env = {
            "HSMSIM_STATE": str(self.state_dir),
            "HSMSIM_CONFIG": topology,
            "HSMSIM_TIME_SCALE": f"{self.time_scale:g}",
        }
        self._command = Command(program, env)
        dev: dict[str, Any] = json.loads(self.hsmsim("dev", "--json"))
        #: The module to load.
        self.module_path = Path(dev["module"])
        #: The variables that make a process use this cluster and write down its calls.
        self.env: dict[str, str] = {
            **env,
            "HSMSIM_RECORD": str(self._record),
            "HSMSIM_MODULE": str(self.module_path),
        }
        #: The slots of the groups, in order.
        self.slots: tuple[Slot, ...] = tuple(
            Slot(slot["id"], slot["label"], slot["initialized"]) for slot in dev["slots"]
        )
        known = [slot for slot in dev["slots"] if slot["user_pin"]]
        first = known[0] if known else {"label": "", "user_pin": "", "so_pin": ""}
        #: The label of the first provisioned token: ``hsmsim-0``. Empty if there is none.
        self.label: str = first["label"]
        #: PIN of the crypto officer (CKU_USER) of that token.
        self.user_pin: str = first["user_pin"]
        #: PIN of the security officer (CKU_SO) of that token.
        self.so_pin: str = first["so_pin"]

    def __repr__(self) -> str:
        return f"<Cluster {self.env['HSMSIM_CONFIG']} in {self.state_dir}>"

    def hsmsim(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Runs the command ``hsmsim`` on this cluster and gives its output.

        Raises `HsmsimError` for an exit code that is not among ``codes``.
        """
        return self._command.run(*arguments, codes=codes)[1]

    def fault(
        self, kind: str, target: str, *, duration: str | None = None, **parameters: str
    ) -> Fault:
        """Sets any fault: ``fault("link.delay", "client:hsm-eus-2", extra="5ms", duration="30s")``.

        ``hsmsim fault kinds`` lists them. Raises `HsmsimError`, with the nearest name, for one that
        does not exist.
        """
        arguments = [f"{name}={value}" for name, value in parameters.items()]
        lasts = [f"--for={duration}"] if duration is not None else []
        told = self.hsmsim("fault", "add", *lasts, kind, target, *arguments)
        ids = [int(id) for id in re.findall(r"^fault (\d+): ", told, re.MULTILINE)]
        return Fault(self, ids, " ".join([kind, target, *arguments]))

    def power_loss(self, device: str) -> Fault:
        """A device has no power: silence, and its sessions end."""
        return self.fault("device.power_loss", device)

    def hang(self, device: str) -> Fault:
        """A device takes requests and answers none."""
        return self.fault("device.hang", device)

    def restart(self, device: str) -> None:
        """A device restarts once: it refuses connections until it has booted."""
        self.fault("device.restart", device)

    def cut_link(self, link: str) -> Fault:
        """Cuts a link: connections end and are refused. ``client:hsm-eus-1``."""
        return self.fault("link.cut", link)

    def blackhole(self, link: str) -> Fault:
        """Messages on a link vanish without a word."""
        return self.fault("link.blackhole", link)

    def hold(self, link: str) -> Fault:
        """Messages on a link wait until the fault ends, and are then delivered late."""
        return self.fault("link.hold", link)

    def delay(self, link: str, extra: str) -> Fault:
        """Each message on a link takes longer each way: ``"5ms"``, in real time."""
        return self.fault("link.delay", link, extra=extra)

    def stamp_loss(self, stamp: str) -> Fault:
        """Every device of a stamp loses its power: ``eastus/stamp1``."""
        return self.fault("stamp.loss", stamp)

    def region_loss(self, region: str) -> Fault:
        """Every device of a region loses its power: ``eastus``."""
        return self.fault("region.loss", region)

    def isolate_region(self, region: str) -> Fault:
        """Messages into and out of a region vanish."""
        return self.fault("region.isolate", region)

    def call_fault(
        self,
        functions: str | Sequence[str],
        *,
        slot: int | None = None,
        token: str | None = None,
        mechanism: str | int | None = None,
        label: str | None = None,
        id: bytes | None = None,
        session: int | None = None,
        process: int | str | None = None,
        nth: int | str | None = None,
        every: int | None = None,
        probability: float | None = None,
        seed: int | None = None,
        times: int | None = None,
        delay: str | None = None,
        delay_after: str | None = None,
        code: str | None = None,
        code_after: str | None = None,
        hang: str | None = None,
        drop: Literal["session", "login"] | None = None,
    ) -> CallFault:
        """Says what becomes of some calls: ``call_fault("C_Sign", label="web", nth=3,
        code="CKR_DEVICE_ERROR")``.

        `hsmsim call-fault add --help` explains the keys. Raises `HsmsimError`, with the nearest name,
        for a function, mechanism or code that does not exist.
        """
        keys = {
            "slot": slot,
            "token": token,
            "mechanism": mechanism,
            "label": label,
            "id": None if id is None else id.hex(),
            "session": session,
            "process": process,
            "nth": nth,
            "every": every,
            "probability": probability,
            "seed": seed,
            "times": times,
            "delay": delay,
            "delay_after": delay_after,
            "code": code,
            "code_after": code_after,
            "hang": hang,
            "drop": drop,
        }
        words = [f"{key}={value}" for key, value in keys.items() if value is not None]
        function = functions if isinstance(functions, str) else ",".join(functions)
        told = self.hsmsim("call-fault", "add", function, *words)
        number, text = told.removeprefix("call fault ").strip().split(": ", 1)
        return CallFault(self, int(number), text)

    def clear_call_faults(self) -> None:
        """Removes every call fault."""
        self.hsmsim("call-fault", "clear")

    def heal_all(self) -> None:
        """Ends every fault. Call faults stay: `clear_call_faults`."""
        self.hsmsim("fault", "heal", "--all")

    def recover(self, timeout: float = 60.0) -> None:
        """Brings lost members back, as ``hsmsim ha recover``.

        Waits until devices that boot are up, for at most ``timeout`` seconds of real time. Raises
        `HsmsimError` that names the members that stay away; the others are back.
        """
        self._repair("recover", timeout)

    def synchronize(self, timeout: float = 60.0) -> None:
        """Gives every member every key that any member holds, as ``hsmsim ha synchronize``."""
        self._repair("synchronize", timeout)

    def _repair(self, how: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while any(device.power == "refusing" for device in self.status().devices):
            if time.monotonic() > deadline:
                break
        code, told = self._command.run("ha", how, codes=(0, 2))
        if code != 0:
            raise HsmsimError(told.strip())

    def status(self) -> Status:
        """What devices, groups and clients are like now."""
        return Status.of_json(json.loads(self.hsmsim("status", "--json")))

    def record(self) -> Record:
        """What the processes that ran with `env` have called so far."""
        return Record.read(self._record)

    def run(self, arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """`subprocess.run` with `env` in the environment."""
        return subprocess.run(arguments, **self._with_env(options))

    def popen(self, arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """`subprocess.Popen` with `env` in the environment."""
        return subprocess.Popen(arguments, **self._with_env(options))

    def _with_env(self, options: dict[str, Any]) -> dict[str, Any]:
        base = options.get("env")
        return {**options, "env": {**(os.environ if base is None else base), **self.env}}


def _time_scale_of(topology: str | None) -> float | None:
    """What a topology's text says of time; it is a key of the file's root."""
    found = re.search(r"^time_scale\s*=\s*([0-9._]+)", topology or "", re.MULTILINE)
    return float(found.group(1)) if found else None
