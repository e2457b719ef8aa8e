from __future__ import annotations

import pytest

from tests.support.service import Client, Service


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory):
    """One server for tests that do not disturb each other."""
    service = Service(tmp_path_factory.mktemp("service"), workers=2).start()
    yield service
    service.close()


@pytest.fixture
def client(shared_service):
    return Client(shared_service)


@pytest.fixture
def service(tmp_path):
    """A server of the test's own, not started yet."""
    service = Service(tmp_path)
    yield service
    service.close()
