"""`/api/v1/consent`: the ledger of who said yes or no. It is never rewritten: a correction is a word of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet

from config.accounts.models import User
from config.api.permissions import AppendingPermissions
from config.api.resources import ResourceCollection, ResourceDetail, described_collection, described_detail
from customers.actions.consent import ConsentStatement, known_consent, record_consent
from customers.api.filters import ConsentFilter
from customers.api.serializers import ConsentSerializer, CorrectedConsentSerializer, WrittenConsentSerializer
from customers.models import ConsentEvent

_REPEATED = ("status", "purpose", "source", "wording", "ip_address", "occurred_at")


@described_collection(
    "consent",
    one="a word of consent",
    many="words of consent",
    listed=ConsentSerializer,
    shown=ConsentSerializer,
    written=WrittenConsentSerializer,
)
class ConsentCollection(ResourceCollection):
    """A word with a `reference` that is known already is answered with the first; nothing is written twice."""

    scope = "consent"
    queryset = ConsentEvent.objects.values(*ConsentSerializer.Meta.fields)
    serializer_class = ConsentSerializer
    filterset_class = ConsentFilter
    shown, written = ConsentSerializer, WrittenConsentSerializer
    orderings: ClassVar = {
        "-created_ts": "-id",
        "created_ts": "id",
        "-occurred_at": "-occurred_at",
        "occurred_at": "occurred_at",
    }

    def create(self, values: Mapping[str, Any], *, by: User) -> ConsentEvent:
        return _record(ConsentStatement(**values), by)


@described_detail("consent", one="a word of consent", shown=ConsentSerializer, written=CorrectedConsentSerializer)
class ConsentDetail(ResourceDetail):
    """`PATCH` writes a new word for the same address and answers with it; what stood stays (`evidence.corrects`). It speaks of the
    same moment unless it names another, so it overrules the word that it corrects, and none that came later."""

    scope = "consent"
    queryset = ConsentEvent.objects.none()
    serializer_class = ConsentSerializer
    permission_classes = (AppendingPermissions,)
    shown, written = ConsentSerializer, CorrectedConsentSerializer

    def rows(self) -> QuerySet[ConsentEvent]:
        return ConsentEvent.objects.all()

    def change(self, instance: ConsentEvent, values: Mapping[str, Any], *, by: User) -> ConsentEvent:
        before = {name: getattr(instance, name) for name in _REPEATED}
        evidence = {**values.get("evidence", {}), "corrects": str(instance.pk)}
        statement = ConsentStatement(
            customer=instance.customer,
            channel=instance.channel,
            address=instance.address,
            **before | dict(values) | {"evidence": evidence},
        )
        return _record(statement, by)


def _record(statement: ConsentStatement, by: User) -> ConsentEvent:
    event = record_consent(statement, by=by) or known_consent(statement)
    assert event is not None  # the same cause, written before
    return event
