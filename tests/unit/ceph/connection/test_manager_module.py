"""What is said of a manager's module that does not work, by answers as they were seen on Ceph 16 and 18."""

from __future__ import annotations

from errno import EACCES, EINVAL

from ceph.connection.manager_module import error_of_module, explained, why_failing
from ceph.errors import ClusterRefused
from ceph.state import Check

UNHANDLED = ClusterRefused("No handler found for 'rbd perf image stats'", EINVAL)


def health(code, *messages):
    return {"checks": {code: {"severity": "HEALTH_WARN", "detail": [{"message": message} for message in messages]}}}


class Asked:
    """Stands for a cluster: answers each question with this health, and counts them."""

    def __init__(self, answer):
        self.answer = answer
        self.questions = []

    def ask(self, *question, **arguments):
        self.questions.append((*question, arguments))
        return self.answer


OF_DEBIAN_13 = health(
    "MGR_MODULE_DEPENDENCY",
    "Module 'balancer' has failed dependency: PyO3 modules do not yet support subinterpreters, see https://…/576",
    "Module 'rbd_support' has failed dependency: PyO3 modules do not yet support subinterpreters, see https://…/576",
)


def test_of_debian_13_it_says_that_bcrypt_cannot_be_imported():
    said = why_failing(OF_DEBIAN_13)
    assert "MGR_MODULE_DEPENDENCY: Module 'rbd_support' has failed dependency: PyO3 modules" in said
    assert "balancer" not in said
    assert "put an empty bcrypt.py into a directory" in said


def test_what_another_dependency_lacks_is_to_be_installed():
    said = why_failing(
        health("MGR_MODULE_DEPENDENCY", "Module 'rbd_support' has failed dependency: No module named 'x'")
    )
    assert said.endswith(
        "No module named 'x'. Install what is missing on each host with a ceph-mgr, then restart the ceph-mgr."
    )


def test_a_module_that_failed_sends_to_the_log():
    said = why_failing(health("MGR_MODULE_ERROR", "Module 'rbd_support' has failed: Not found or unloadable"))
    assert (
        "MGR_MODULE_ERROR: Module 'rbd_support' has failed: Not found or unloadable. The log of the ceph-mgr says why"
        in said
    )


def test_other_modules_and_other_checks_are_no_reason():
    assert why_failing(health("MGR_MODULE_ERROR", "Module 'rbd_support2' has failed: no")) is None
    assert why_failing(health("OSD_DOWN", "osd.0 is down since 'rbd_support'")) is None
    assert why_failing({"status": "HEALTH_OK", "checks": {}}) is None


def test_words_of_the_cluster_are_cut_at_some_length():
    said = why_failing(health("MGR_MODULE_ERROR", "Module 'rbd_support' has failed: " + "x" * 100_000))
    assert len(said) < 1000


def test_the_detail_is_asked_for_only_if_a_check_is_of_modules():
    healthy, sick = Asked(OF_DEBIAN_13), Asked(OF_DEBIAN_13)
    assert error_of_module(healthy, [Check("OSD_DOWN", "HEALTH_WARN", "1 osds down")]) is None
    assert healthy.questions == []
    check = Check("MGR_MODULE_DEPENDENCY", "HEALTH_WARN", "2 mgr modules have failed dependencies")
    assert "rbd_support" in error_of_module(sick, [check])
    assert sick.questions == [("health", {"detail": "detail"})]


def test_a_command_that_nothing_explains_names_its_module():
    words = explained(Asked({"checks": {}}), UNHANDLED).text
    assert words.startswith(
        "No handler found for 'rbd perf image stats': it belongs to the manager's module rbd_support"
    )


def test_a_refusal_of_another_kind_stays_as_it_is():
    cluster = Asked(OF_DEBIAN_13)
    refused = ClusterRefused("access denied", EACCES)
    assert explained(cluster, refused) is refused
    assert cluster.questions == []
