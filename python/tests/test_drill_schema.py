"""The schema that editors are given, against the drills that are shipped and some that are wrong."""

import json
import subprocess
import sys

import jsonschema
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def hsmsim(*arguments: str) -> str:
    return subprocess.run(
        ["hsmsim", *arguments], check=True, capture_output=True, text=True
    ).stdout


def shipped() -> list[str]:
    """Every drill: the stories, and behind them two for each fault."""
    stories, faults = hsmsim("drill", "list").split("\n\n")
    names = [line.split()[0] for line in stories.splitlines()]
    for line in faults.splitlines()[1:]:
        names += [f"faults/{line.split()[0]}/{half}" for half in ("bites", "heals")]
    return names


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(hsmsim("drill", "schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_shipped_drill_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    names = shipped()
    assert len(names) > 150
    for name in names:
        drill = tomllib.loads(hsmsim("drill", "show", name))
        errors = [error.message for error in validator.iter_errors(drill)]
        assert not errors, f"{name}: {errors}"


HEAD = """
version = 1
name = "d"
title = "T"
hypothesis = "H"
duration = "2m"
[[workload]]
name = "w"
mix = { find = 1 }
"""

STEP = '[[step]]\nat = "1s"\n'


@pytest.mark.parametrize(
    ("added", "valid"),
    [
        ("", True),
        ('rate = "400/s"\nloop = "open"\nretry = { times = 2, recover = "finalize" }', True),
        ('lop = "open"', False),
        (STEP + 'do = "device.hang"\ntarget = { pick = 2 }', True),
        (STEP + 'do = "device.hang"\ntarget = { pick = "50%" }', True),
        (STEP + 'do = "device.hang"\ntarget = { pick = "busyest" }', False),
        (STEP + 'do = "device.hang"', False),
        (STEP + 'do = "device.restart"\ntarget = "a"\nfor = "9s"', False),
        (STEP + 'do = "assert"\nthat = ["keys > 3", "hsm-eus-1 is down"]', True),
        (STEP + 'do = "assert"\nthat = ["kees > 3"]', False),
        (STEP + 'name = "g"\n[[step.parallel]]\ndo = "wait"', True),
        (STEP + 'when = "ha.failover"\ndo = "wait"', False),
        ('[[step]]\nwhen = { event = "ha.failover", count = 2 }\ndo = "wait"', True),
        ('[expect.during]\nstall_max = "1s"\nlatency = ["p99 < 12ms"]', True),
        ('[expect.during]\nrto_max = "1s"', False),
        ('[expect]\nstall_max = "12"', False),
    ],
)
def test_the_schema_and_the_reader_agree(
    validator: jsonschema.Draft202012Validator, tmp_path, added: str, valid: bool
) -> None:
    text = HEAD + added + "\n"
    assert validator.is_valid(tomllib.loads(text)) == valid
    file = tmp_path / "drill.toml"
    file.write_text(text)
    check = subprocess.run(["hsmsim", "drill", "check", str(file)], capture_output=True, text=True)
    # A device that the topology does not have is for the reader alone.
    assert (check.returncode == 0) == valid, check.stderr
