"""Call faults, and what two services make of them."""

from collections.abc import Iterator

import pytest

from pytest_hsmsim import Cluster, HsmsimError

PyKCS11 = pytest.importorskip("PyKCS11")

from test_token_service import CLAIMS, KEY, make_key  # noqa: E402
from token_service import StaleTokenService, TokenService, Unavailable  # noqa: E402


@pytest.fixture
def ready(hsmsim_cluster: Cluster) -> Iterator[Cluster]:
    make_key(hsmsim_cluster)
    yield hsmsim_cluster


def service(kind: type[StaleTokenService], cluster: Cluster) -> StaleTokenService:
    return kind(cluster.module_path, cluster.label, cluster.user_pin, KEY)


def test_the_third_signature_fails_and_the_record_says_why(ready: Cluster) -> None:
    signer = service(StaleTokenService, ready)
    with ready.call_fault("C_Sign", label=KEY, nth=3, code="CKR_HOST_MEMORY") as third:
        assert str(third) == f"C_Sign label={KEY} nth=3 code=CKR_HOST_MEMORY"
        signer.sign(CLAIMS)
        signer.sign(CLAIMS)
        with pytest.raises(Unavailable, match="HOST_MEMORY"):
            signer.sign(CLAIMS)
        signer.sign(CLAIMS)
    signer.close()
    record = ready.record()
    (struck,) = record.struck
    assert (struck.code, struck.call_fault) == ("CKR_HOST_MEMORY", str(third.id))
    assert record.failovers == 0
    with pytest.raises(AssertionError, match=f"struck by call fault {third.id}"):
        record.of("C_Sign").assert_no_errors()


@pytest.mark.parametrize("kind", [StaleTokenService, TokenService])
def test_a_session_that_is_dropped_comes_back_to_the_service_that_begins_anew(
    ready: Cluster, kind: type[StaleTokenService]
) -> None:
    signer = service(kind, ready)
    dropped = ready.call_fault("C_Sign", times=1, drop="session")
    with pytest.raises(Unavailable):
        signer.sign(CLAIMS)
    dropped.remove()
    dropped.remove()
    if kind is TokenService:
        signer.sign(CLAIMS)
    else:
        with pytest.raises(Unavailable, match="SESSION_HANDLE_INVALID"):
            signer.sign(CLAIMS)
    signer.close()


def test_a_call_fault_ends_with_its_block_or_with_all_others(ready: Cluster) -> None:
    signer = service(StaleTokenService, ready)
    with ready.call_fault(["C_SignInit", "C_Sign"], code="CKR_DEVICE_ERROR"):
        with pytest.raises(Unavailable):
            signer.sign(CLAIMS)
    signer.sign(CLAIMS)
    ready.call_fault("C_Sign", id=b"\x01\xaf", process="python", delay="1ms")
    ready.clear_call_faults()
    assert ready.hsmsim("call-fault", "list") == "no call faults\n"
    signer.close()


def test_a_misspelt_call_fault_is_answered_with_what_was_meant(hsmsim_cluster: Cluster) -> None:
    with pytest.raises(HsmsimError, match='did you mean "C_Sign"'):
        hsmsim_cluster.call_fault("C_Sing", code="CKR_DEVICE_ERROR")
    with pytest.raises(HsmsimError, match='did you mean "CKR_DEVICE_ERROR"'):
        hsmsim_cluster.call_fault("C_Sign", code="CKR_DEVICE_EROR")
