"""The plugin: options, the marker ``hsmsim`` and the fixture ``hsmsim_cluster``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .cluster import Cluster
from .command import HsmsimError, find_command

_SETTINGS = ("topology", "time_scale")
_MARKER = "hsmsim(topology=..., time_scale=...): the cluster that hsmsim_cluster gives this test"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options and the keys of the configuration file."""
    group = parser.getgroup("hsmsim", "simulated HSM cluster")
    group.addoption(
        "--hsmsim-command",
        metavar="COMMAND",
        help="the command hsmsim, by name or path (default: hsmsim on PATH)",
    )
    group.addoption(
        "--hsmsim-topology",
        metavar="NAME|PATH",
        help="the topology of tests that name none (default: ha-pair)",
    )
    parser.addini("hsmsim_command", "the command hsmsim, by name or path", default="hsmsim")
    parser.addini("hsmsim_topology", "the topology of tests that name none", default="ha-pair")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", _MARKER)


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getoption(f"--hsmsim-{name}") or config.getini(f"hsmsim_{name}"))


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the markers say; the nearest one wins for each setting."""
    settings: dict[str, Any] = {}
    for marker in node.iter_markers("hsmsim"):
        unknown = set(marker.kwargs) - set(_SETTINGS)
        if unknown or marker.args:
            what = ", ".join(sorted(unknown) or map(repr, marker.args))
            pytest.fail(f"the marker hsmsim knows no {what}; it is {_MARKER}", pytrace=False)
        settings = {**marker.kwargs, **settings}
    return settings


@pytest.fixture
def hsmsim_cluster(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    """A cluster of this test's own, removed at its end.

    Its variables are in ``os.environ`` meanwhile, so a module that the test loads and initialises
    uses it, and so does every process that it starts.
    """
    settings = _marked(request.node)
    topology = str(settings.get("topology") or _setting(request.config, "topology"))
    with tempfile.TemporaryDirectory(prefix="hsmsim-", ignore_cleanup_errors=True) as folder:
        try:
            program = find_command(_setting(request.config, "command"))
            cluster = Cluster(Path(folder), program, topology, settings.get("time_scale"))
        except HsmsimError as error:
            pytest.fail(f"hsmsim: {error}", pytrace=False)
        for name, value in cluster.env.items():
            monkeypatch.setenv(name, value)
        yield cluster
