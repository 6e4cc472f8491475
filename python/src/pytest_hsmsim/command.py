"""The ``hsmsim`` command, through which everything is done to a cluster.

It runs in a process of its own, so the test's process is free to load the module.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

BUILD = "cargo build -p hsmsim-pkcs11-module -p hsmsim-cli"
# Seconds that one command may take. Copying many keys to a member that returns is the longest.
BOUND = 120.0


class HsmsimError(Exception):
    """The command refused; the message is what it said."""


def find_command(name: str) -> str:
    """The whole path of the command, by its name on ``PATH`` or its path.

    Raises `HsmsimError` if it is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise HsmsimError(
            f"there is no command {name}: build it with `{BUILD}` and put target/debug on PATH, "
            "or name it with --hsmsim-command"
        )
    return os.path.abspath(found)


class Command:
    """The command with the environment of one cluster."""

    def __init__(self, program: str, env: Mapping[str, str]) -> None:
        self._program = program
        self._env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HSMSIM_") or name == "HSMSIM_MODULE"
        }
        self._env.update(env)

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> tuple[int, str]:
        """Runs it to its end; gives exit code and output.

        Raises `HsmsimError` for an exit code that is not among ``codes``.
        """
        ended = subprocess.run(
            [self._program, *arguments],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        if ended.returncode not in codes:
            said = ended.stderr.strip() or ended.stdout.strip()
            raise HsmsimError(said or f"hsmsim {' '.join(arguments)} gave {ended.returncode}")
        return ended.returncode, ended.stdout
