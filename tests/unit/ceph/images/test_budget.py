"""A list of images fits into one message, whatever their names are and whatever is said of them."""

from __future__ import annotations

import pytest

from ceph.images.budget import ImageBudget
from ceph.images.listing import MOST_BYTES, MOST_IMAGES
from ceph.reader.messages import ImagesRead
from ceph.state import Image, Images, Trouble
from processes.framing import LARGEST_MESSAGE_BYTES, encode


@pytest.mark.parametrize("name", ["disk", "volume-2f9d1a52-8a1c-4f0e-9d0b-6a6f0f3c1d11", "中" * 600])
def test_as_many_images_as_are_listed_fit_into_a_message_though_each_has_an_error(name):
    budget = ImageBudget(MOST_IMAGES, MOST_BYTES)
    error = Trouble(2, f"rbd_id.{name}"[:200] + ": No such file or directory")
    images = []
    while budget.take("volumes", "team", name):
        images.append(Image(pool="volumes", namespace="team", name=name, error=error))

    assert len(images) > 3000
    assert len(encode(ImagesRead(1, Images(images)))) < LARGEST_MESSAGE_BYTES
