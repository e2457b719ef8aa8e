"""What every store of pool creations promises: ceph/pool_changes/creation_store.py."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ceph.pool_changes.creation_store import PoolCreation
from tests.support.stores import SEARCHABLE

BEGUN = PoolCreation(fsid="a3f0", name="new", pg_num=8, application="rbd", newest_pool=3, at=1000, user="ann")


@pytest.mark.parametrize("kind", SEARCHABLE.values(), ids=SEARCHABLE)
async def test_a_creation_outlives_the_server_and_is_replaced_by_the_next_of_its_name(kind, tmp_path):
    other = replace(BEGUN, name="other", request_path="/pools", request_key="1", request_body_hash="x")
    async with kind.opened(tmp_path) as stores:
        await stores.pool_creations.store(BEGUN)
        await stores.pool_creations.store(other)
    async with kind.opened(tmp_path) as stores:
        assert sorted(await stores.pool_creations.all(), key=lambda one: one.name) == [BEGUN, other]
        followed = replace(BEGUN, pool=4, task=7)
        await stores.pool_creations.store(followed)
        assert sorted(await stores.pool_creations.all(), key=lambda one: one.name) == [followed, other]


@pytest.mark.parametrize("kind", SEARCHABLE.values(), ids=SEARCHABLE)
async def test_a_creation_is_not_forgotten_once_another_has_replaced_it(kind, tmp_path):
    later = replace(BEGUN, at=2000)
    async with kind.opened(tmp_path) as stores:
        await stores.pool_creations.store(later)
        await stores.pool_creations.forget(BEGUN)
        assert await stores.pool_creations.all() == [later]
        await stores.pool_creations.forget(later)
        assert await stores.pool_creations.all() == []
