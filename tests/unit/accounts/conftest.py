from __future__ import annotations

import pytest

from accounts import passwords, signin
from tests.support.accounts import CHEAP_HASHER


@pytest.fixture
def real_hashes() -> None:
    """For tests of what a hash costs: in them the hasher is the one of the service."""


@pytest.fixture(autouse=True)
def cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes hashes that cost next to nothing, also that of nobody, since verifying costs what the hash says."""
    if "real_hashes" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", CHEAP_HASHER)
        monkeypatch.setattr(signin, "NOBODY", passwords._hash_of_nothing())
