from __future__ import annotations

import pytest

from tests.support.house import House


@pytest.fixture
def house() -> House:
    """A house with one worker. A module that needs another one overrides this fixture."""
    return House()
