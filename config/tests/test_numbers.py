import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from config.numbers import make_sequences_ahead, take_code, take_numbers


@pytest.mark.django_db
def test_numbers_carry_kind_year_and_five_digits():
    first, second = take_numbers("TST", count=2, at=datetime(2025, 6, 1, tzinfo=UTC))
    assert first.startswith("TST-2025-")
    assert int(second.rsplit("-")[-1]) == int(first.rsplit("-")[-1]) + 1


@pytest.mark.django_db
def test_the_year_is_the_configured_zones(settings):
    settings.TIME_ZONE = "America/Toronto"
    assert take_numbers("TST", at=datetime(2026, 1, 1, 4, 59, tzinfo=UTC))[0].startswith("TST-2025-")
    assert take_numbers("TST", at=datetime(2026, 1, 1, 5, 0, tzinfo=UTC))[0].startswith("TST-2026-")


@pytest.mark.django_db
def test_past_99999_the_number_simply_grows():
    make_sequences_ahead(("GRW",), at=datetime(2031, 6, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('number_grw_2031', 99999)")
    assert take_numbers("GRW", at=datetime(2031, 6, 1, tzinfo=UTC)) == ["GRW-2031-100000"]


@pytest.mark.django_db
def test_codes_count_by_their_prefix():
    assert take_code("MSG-SCHEMA-XYZ") == "MSG-SCHEMA-XYZ-001"
    assert take_code("MSG-SCHEMA-XYZ") == "MSG-SCHEMA-XYZ-002"


@pytest.mark.django_db(transaction=True)
def test_numbers_taken_at_once_are_never_the_same_even_when_the_sequence_is_made_by_the_first():
    taken: list[str] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        taken.extend(take_numbers("RACE", count=50, at=datetime(2040, 6, 1, tzinfo=UTC)))
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(taken) == len(set(taken)) == 400
