"""The record is read as the module writes it."""

import json
from pathlib import Path

import pytest

from pytest_hsmsim import Record


def line(function: str, code: str, ms: int, pid: int = 1) -> str:
    call = {"at_ns": ms * 10**9, "took_ns": ms * 10**6, "function": function, "session": 1}
    return json.dumps({**call, "code": code, "pid": pid})


@pytest.fixture
def record(tmp_path: Path) -> Record:
    # The last line is not finished.
    one = [line("C_Sign", "CKR_OK", 7), line("C_SignUpdate", "CKR_DEVICE_ERROR", 3)]
    (tmp_path / "calls-1.ndjson").write_text("\n".join(one) + "\n" + one[0][:20])
    (tmp_path / "calls-2.ndjson").write_text(line("C_SignInit", "CKR_OK", 1, pid=2) + "\n")
    event = {"at_ns": 1, "event": "failover", "group": "g", "member": "d", "detail": "", "pid": 2}
    (tmp_path / "events-2.ndjson").write_text(json.dumps(event) + "\n")
    return Record.read(tmp_path)


def test_calls_of_all_processes_come_in_the_order_of_time(record: Record) -> None:
    functions = [call.function for call in record.calls]
    assert functions == ["C_SignInit", "C_SignUpdate", "C_Sign"]
    assert record.longest is not None and record.longest.took == 0.007
    assert record.codes == {"CKR_OK": 2, "CKR_DEVICE_ERROR": 1}
    assert [call.function for call in record.failed] == ["C_SignUpdate"]
    assert len(record.since(3).calls) == 2
    assert len(record.of_process(2).calls) == 1
    assert record.failovers == 1


def test_assertions_name_the_calls_that_differ(record: Record) -> None:
    with pytest.raises(AssertionError, match=r"1 of 3 calls(.|\n)*C_SignUpdate CKR_DEVICE_ERROR"):
        record.assert_no_errors()
    record.assert_only_codes({"CKR_OK", "CKR_DEVICE_ERROR"})
    record.of("C_Sign").assert_no_errors()
    record.assert_no_call_longer_than(0.007)
    with pytest.raises(AssertionError, match=r"C_Sign CKR_OK after 0\.007 s"):
        record.assert_no_call_longer_than(0.006)
    record.assert_failed_over()
    with pytest.raises(AssertionError, match="no call moved"):
        record.of_process(1).assert_failed_over()


def test_a_record_of_nothing_proves_nothing(record: Record) -> None:
    nothing = record.of("C_Verify")
    for assertion in (nothing.assert_no_errors, lambda: nothing.assert_no_call_longer_than(9)):
        with pytest.raises(AssertionError, match="no call in this record"):
            assertion()
