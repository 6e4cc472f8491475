"""Clusters, faults and repairs, through the command."""

import os
import sys
from pathlib import Path

import pytest

from pytest_hsmsim import Cluster, HsmsimError


def powers(cluster: Cluster) -> list[str]:
    return [device.power for device in cluster.status().devices]


def test_a_cluster_is_ready_at_once(hsmsim_cluster: Cluster) -> None:
    assert hsmsim_cluster.label == "hsmsim-0"
    assert (hsmsim_cluster.user_pin, hsmsim_cluster.so_pin) == ("12345678", "87654321")
    assert hsmsim_cluster.module_path.is_file() and hsmsim_cluster.state_dir.is_dir()
    assert [slot.id for slot in hsmsim_cluster.slots] == list(range(1, 11))
    assert [slot.initialized for slot in hsmsim_cluster.slots] == [True] + 9 * [False]
    status = hsmsim_cluster.status()
    assert status.group("hsmsim-0").members == ("hsm-eus-1", "hsm-eus-2")
    assert powers(hsmsim_cluster) == ["on", "on"] and not status.needs_sync


def test_processes_and_this_one_have_its_variables(hsmsim_cluster: Cluster) -> None:
    assert os.environ["HSMSIM_STATE"] == str(hsmsim_cluster.state_dir)
    print_it = "import os; print(os.environ['HSMSIM_RECORD'], os.environ['MORE'])"
    env = {**os.environ, "HSMSIM_RECORD": "elsewhere", "MORE": "yes"}
    ended = hsmsim_cluster.run(
        [sys.executable, "-c", print_it], env=env, capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{hsmsim_cluster.env['HSMSIM_RECORD']} yes\n"


@pytest.mark.hsmsim(time_scale=50)
def test_a_fault_strikes_until_the_end_of_its_block(hsmsim_cluster: Cluster) -> None:
    with hsmsim_cluster.power_loss("hsm-eus-1"):
        hung = hsmsim_cluster.hang("hsm-eus-2")
        assert powers(hsmsim_cluster) == ["off", "hung"]
        assert hsmsim_cluster.status().faults == (
            "device.power_loss hsm-eus-1",
            "device.hang hsm-eus-2",
        )
        hung.heal()
        hung.heal()
    assert hsmsim_cluster.status().device("hsm-eus-1").power != "off"
    hsmsim_cluster.recover()
    assert powers(hsmsim_cluster) == ["on", "on"]


@pytest.mark.hsmsim(topology="ha-dr", time_scale=50)
def test_every_fault_of_the_table_can_be_set(hsmsim_cluster: Cluster) -> None:
    link = "client:hsm-eus-2"
    faults = [
        hsmsim_cluster.cut_link(link),
        hsmsim_cluster.blackhole(link),
        hsmsim_cluster.hold(link),
        hsmsim_cluster.delay(link, "1.5ms"),
        hsmsim_cluster.stamp_loss("eastus/stamp1"),
        hsmsim_cluster.region_loss("eastus2"),
        hsmsim_cluster.isolate_region("eastus"),
        hsmsim_cluster.fault("link.delay", "client:hsm-eus-1", extra="5ms", duration="1h"),
    ]
    assert str(faults[3]) == "link.delay client:hsm-eus-2 extra=1.5ms"
    assert len(hsmsim_cluster.status().faults) == len(faults)
    assert powers(hsmsim_cluster) == ["off", "on", "off", "off"]
    hsmsim_cluster.heal_all()
    hsmsim_cluster.restart("hsm-eus-2")
    hsmsim_cluster.recover()
    assert powers(hsmsim_cluster) == 4 * ["on"]


@pytest.mark.hsmsim(time_scale=50)
def test_recovering_a_member_that_is_struck_names_the_fault(hsmsim_cluster: Cluster) -> None:
    with hsmsim_cluster.cut_link("client:hsm-eus-2"):
        with pytest.raises(HsmsimError, match="link.cut client:hsm-eus-2"):
            hsmsim_cluster.recover()
    hsmsim_cluster.synchronize()


def test_what_is_misspelt_is_answered_with_what_was_meant(hsmsim_cluster: Cluster) -> None:
    with pytest.raises(HsmsimError, match="device.power_loss"):
        hsmsim_cluster.fault("device.powerloss", "hsm-eus-1")
    with pytest.raises(HsmsimError, match="hsm-eus-1"):
        hsmsim_cluster.power_loss("hsm-eus-3")


OWN = """version = 1
name = "mine"
time_scale = 40
[[region]]
code = "westus"
devices = 1
"""


@pytest.mark.hsmsim(topology=OWN)
def test_a_topology_may_be_a_text(hsmsim_cluster: Cluster) -> None:
    assert hsmsim_cluster.time_scale == 40
    assert hsmsim_cluster.status().device("hsm-wus-1").region == "westus"


def test_a_topology_may_be_a_file(tmp_path: Path, pytester: pytest.Pytester) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    pytester.makepyfile(
        """
        def test_it(hsmsim_cluster):
            assert hsmsim_cluster.status().devices[0].region == "westus"
        """
    )
    pytester.runpytest(f"--hsmsim-topology={path}").assert_outcomes(passed=1)
