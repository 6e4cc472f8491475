"""The plugin as pytest sees it: options, marker, fixture."""

import pytest


def test_a_cluster_and_its_variables_are_gone_after_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os

        seen = []

        def test_first(hsmsim_cluster):
            seen.append(hsmsim_cluster.state_dir)

        def test_second():
            assert not seen[0].exists() and not seen[0].parent.exists()
            assert "HSMSIM_STATE" not in os.environ

        def test_third(hsmsim_cluster):
            assert hsmsim_cluster.state_dir != seen[0]
        """
    )
    pytester.runpytest().assert_outcomes(passed=3)


def test_the_nearest_marker_wins_for_each_setting(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nhsmsim_topology = instant\n")
    pytester.makepyfile(
        """
        import pytest

        def test_configured(hsmsim_cluster):
            assert hsmsim_cluster.env["HSMSIM_CONFIG"] == "instant"

        @pytest.mark.hsmsim(topology="single", time_scale=7)
        class TestMarked:
            @pytest.mark.hsmsim(time_scale=9)
            def test_both(self, hsmsim_cluster):
                assert hsmsim_cluster.env["HSMSIM_CONFIG"] == "single"
                assert hsmsim_cluster.env["HSMSIM_TIME_SCALE"] == "9"
        """
    )
    pytester.runpytest("--strict-markers").assert_outcomes(passed=2)


def test_an_option_wins_over_the_configuration_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nhsmsim_topology = instant\n")
    pytester.makepyfile(
        "def test_it(hsmsim_cluster): assert len(hsmsim_cluster.status().devices) == 1"
    )
    pytester.runpytest("--hsmsim-topology=single").assert_outcomes(passed=1)


def test_a_command_that_is_not_there_is_an_error_that_says_how_to_get_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(hsmsim_cluster): pass")
    result = pytester.runpytest("--hsmsim-command=no-such-command")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no command no-such-command: build it with*"])


def test_a_wrong_topology_or_marker_is_an_error_that_says_what_is_right(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.hsmsim(topology="ha-pear")
        def test_topology(hsmsim_cluster): pass

        @pytest.mark.hsmsim(timescale=3)
        def test_marker(hsmsim_cluster): pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*ha-pair*", "*knows no timescale*"])


def test_a_failed_assertion_on_the_record_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(hsmsim_cluster): hsmsim_cluster.record().assert_no_errors()"
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no call in this record*"])
