"""The places of calls: who finds one, and what is said to who finds none."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack

import pytest

from localcloud.scoring.errors import BusyError
from localcloud.scoring.places import Limits, Places

LIMITS = Limits(total=8, service=4, peer=3, kept=2, total_bytes=100, service_bytes=60)


def take(held: ExitStack, places: Places, service: str, peer: str, size: int = 0) -> None:
    held.enter_context(places.taken(service, peer, size))


def test_a_peer_leaves_a_place_to_others_and_a_service_to_others() -> None:
    places = Places("being received", LIMITS)
    with ExitStack() as held:
        for _ in range(3):
            take(held, places, "a", "greedy")
        with pytest.raises(BusyError, match="3 calls of yours are being received at this service"):
            take(held, places, "a", "greedy")
        take(held, places, "a", "another")
        with pytest.raises(BusyError, match="4 calls of this service are being received, and more are not"):
            take(held, places, "a", "third")
        take(held, places, "b", "greedy")
    with places.taken("a", "greedy"):
        pass


def test_the_last_places_are_kept_for_services_that_have_few() -> None:
    places = Places("being received", LIMITS)
    with ExitStack() as held:
        for service in "ab":
            for number in range(3):
                take(held, places, service, str(number))
        with pytest.raises(BusyError, match="6 calls of all services are being received"):
            take(held, places, "a", "4")
        for _ in range(2):
            take(held, places, "c", "1")
        with pytest.raises(BusyError, match="8 calls of all services are being received"):
            take(held, places, "d", "1")


def test_bytes_are_bounded_for_a_service_and_for_all() -> None:
    places = Places("waiting for an answer", LIMITS)
    with ExitStack() as held:
        take(held, places, "a", "1", 50)
        with pytest.raises(BusyError, match="50 bytes of calls of this service are waiting for an answer"):
            take(held, places, "a", "1", 11)
        take(held, places, "b", "1", 45)  # alone at its service
        with pytest.raises(BusyError, match="95 bytes of calls of all services are waiting"):
            take(held, places, "b", "1", 10)
        with pytest.raises(BusyError, match="95 bytes of calls of all services are waiting"):
            take(held, places, "a", "1", 6)
    with places.taken("c", "1", 1000):
        pass


def test_what_was_given_back_is_counted_nowhere() -> None:
    places = Places("being received", dataclasses.replace(LIMITS, total=1000, service=1000, peer=1000))
    for number in range(500):
        with places.taken(f"service {number}", f"peer {number}", 1):
            pass
    assert not places._services
    assert not places._peers
    assert not places._bytes
