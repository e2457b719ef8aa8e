"""What clients may cost: places, in all and for each user."""

import pytest

from handlers.limits import LimitReached, Places, RefusedTally


def places(most=3, most_a_user=2):
    refused = RefusedTally()
    return Places("WebSockets", most, most_a_user, "websockets", refused), refused


def test_one_user_gets_no_more_places_than_are_for_one_and_leaves_the_others_to_others():
    some, refused = places()
    some.take("ada")
    some.take("ada")

    with pytest.raises(LimitReached, match="One user can have at most 2 WebSockets open"):
        some.take("ada")
    some.take("grace")

    assert some.taken == 3
    assert refused.counts == {"websockets": 1}


def test_nobody_gets_a_place_beyond_those_for_all_until_one_is_given_back():
    some, _ = places(most=1)
    with some.taken_by("ada"), pytest.raises(LimitReached, match="At most 1 WebSockets"):
        some.take("grace")

    some.take("grace")

    assert some.taken == 1
