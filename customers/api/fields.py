"""Fields of people: an address in any usual spelling is stored in its normal form; a time zone exists."""

import re
import zoneinfo
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from customers.identity.normalise import InvalidAddress, normalise

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def normal(kind: str, value: str) -> str:
    """The normal form of an address. Raises ValidationError with the sentence for people."""
    try:
        return normalise(kind, value, region=settings.PHONE_REGION)
    except InvalidAddress as problem:
        raise ValidationError([ErrorDetail(str(problem), code=problem.code)]) from problem


class AddressField(serializers.CharField):
    """An address of one kind (`email`, `phone`)."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        self._kind = kind
        super().__init__(**{"required": False, "allow_blank": True, "max_length": 320} | kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        return normal(self._kind, text) if text else ""


class TimeZoneField(serializers.CharField):
    """A name of the IANA database, such as America/Toronto."""

    def to_internal_value(self, data: Any) -> str:
        zone = super().to_internal_value(data)
        if zone and zone not in zoneinfo.available_timezones():
            raise ValidationError(
                [ErrorDetail("There is no such time zone: America/Toronto is one.", code="time_zone")]
            )
        return zone


def check_language(tag: str) -> None:
    if tag and not _LANGUAGE.fullmatch(tag):
        raise ValidationError([ErrorDetail("A BCP 47 tag is meant, such as en or fr-CA.", code="language")])


def check_country(code: str) -> None:
    if code and not _COUNTRY.fullmatch(code):
        raise ValidationError([ErrorDetail("An ISO 3166 code of two letters is meant, such as CA.", code="country")])
