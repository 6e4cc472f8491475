"""How a failover finds the mistake of the example service."""

import time
from collections.abc import Iterator

import pytest

from pytest_hsmsim import Cluster

PyKCS11 = pytest.importorskip("PyKCS11")
from PyKCS11 import LowLevel as p11  # noqa: E402

from token_service import StaleTokenService, TokenService, Unavailable  # noqa: E402

KEY = "tokens"
CLAIMS = b'{"sub":"somebody"}'


def make_key(cluster: Cluster) -> None:
    """Makes the service's key and leaves the library finalised."""
    library = PyKCS11.PyKCS11Lib().load(str(cluster.module_path))
    session = library.openSession(cluster.slots[0].id, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION)
    session.login(cluster.user_pin)
    common = [(p11.CKA_TOKEN, p11.CK_TRUE), (p11.CKA_LABEL, KEY)]
    public = [*common, (p11.CKA_MODULUS_BITS, 2048), (p11.CKA_PUBLIC_EXPONENT, (1, 0, 1))]
    session.generateKeyPair(public, [*common, (p11.CKA_SIGN, p11.CK_TRUE)])
    library.unload()


@pytest.fixture(params=[StaleTokenService, TokenService])
def service(request: pytest.FixtureRequest, hsmsim_cluster: Cluster) -> Iterator[StaleTokenService]:
    make_key(hsmsim_cluster)
    service = request.param(
        hsmsim_cluster.module_path, hsmsim_cluster.label, hsmsim_cluster.user_pin, KEY
    )
    yield service
    service.close()


def test_both_services_survive_the_loss_of_one_member(
    hsmsim_cluster: Cluster, service: StaleTokenService
) -> None:
    service.sign(CLAIMS)
    struck_at = time.time()
    with hsmsim_cluster.power_loss("hsm-eus-1"):
        service.sign(CLAIMS)
    record = hsmsim_cluster.record().since(struck_at)
    record.assert_no_errors()
    record.assert_failed_over()
    # The receive timeout of 20 s, twenty times as fast.
    assert record.longest is not None and record.longest.took >= 1


def outcomes_after_region_loss(cluster: Cluster, service: StaleTokenService) -> list[bool]:
    """Whether each of five requests was served after the region came back."""
    service.sign(CLAIMS)
    with cluster.region_loss("eastus"):
        with pytest.raises(Unavailable):
            service.sign(CLAIMS)
    cluster.recover()
    outcomes = []
    for _ in range(5):
        try:
            service.sign(CLAIMS)
            outcomes.append(True)
        except Unavailable:
            outcomes.append(False)
    return outcomes


@pytest.mark.parametrize("service", [StaleTokenService], indirect=True)
def test_the_service_that_keeps_its_session_for_ever_does_not_come_back(
    hsmsim_cluster: Cluster, service: StaleTokenService
) -> None:
    assert outcomes_after_region_loss(hsmsim_cluster, service) == 5 * [False]
    # What gives it away: the same dead session, again and again.
    dead = [call for call in hsmsim_cluster.record().failed if call.function == "C_SignInit"]
    assert dead[-1].code == "CKR_SESSION_HANDLE_INVALID"
    assert len({call.session for call in dead}) == 1


@pytest.mark.parametrize("service", [TokenService], indirect=True)
def test_the_service_that_begins_anew_comes_back(
    hsmsim_cluster: Cluster, service: TokenService
) -> None:
    outcomes = outcomes_after_region_loss(hsmsim_cluster, service)
    assert outcomes == 5 * [True]
