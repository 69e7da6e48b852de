"""Consent: an append-only ledger bound to the address, and the addresses nobody may write to.

An event speaks of an address, not of a customer, so it survives merges, imports and CRM syncs, and as a keyed hash
an erasure too. What was allowed on a day is derived from the ledger (`customers.consent`), never stored.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check
from config.history.tracking import tracked
from customers.choices import Channel, ConsentPurpose, ConsentSource, ConsentStatus, SuppressionReason
from customers.models.customer import Customer


class ConsentEvent(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("address", "ip_address", "wording", "evidence")

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.DO_NOTHING, related_name="consent_events", db_constraint=False
    )
    channel = models.CharField(max_length=20, choices=Channel)
    address = models.TextField(help_text="Normalised: E.164 or a lower-case e-mail address.")
    address_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="Keyed hash, for what outlives erasure."
    )
    status = models.CharField(max_length=10, choices=ConsentStatus)
    purpose = models.CharField(max_length=20, choices=ConsentPurpose)
    source = models.CharField(max_length=20, choices=ConsentSource)
    wording = models.TextField(blank=True, default="", help_text="What the person was shown or wrote.")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    reference = models.CharField(
        max_length=200, blank=True, default="", help_text="The provider's or our id of the cause."
    )
    evidence = models.JSONField(default=dict, blank=True)
    occurred_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "consent_events"
        constraints = (
            enum_check("channel", Channel, name="consent_events_channel"),
            enum_check("status", ConsentStatus, name="consent_events_status"),
            enum_check("purpose", ConsentPurpose, name="consent_events_purpose"),
            enum_check("source", ConsentSource, name="consent_events_source"),
            models.CheckConstraint(
                condition=~Q(address="") | ~Q(address_hash=""), name="consent_events_address_or_hash"
            ),
            models.UniqueConstraint(
                fields=["channel", "address", "status", "purpose", "reference"],
                condition=~Q(reference=""),
                name="consent_events_once_per_cause",
            ),
        )
        indexes = (
            models.Index(fields=["channel", "address", "-occurred_at"], name="idx_consent_address_time"),
            models.Index(fields=["customer", "-occurred_at"], name="idx_consent_customer_time"),
        )
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return f"{self.get_status_display()} ({self.get_purpose_display()}) {self.channel} {self.address}"


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_force(self) -> "SuppressionQuerySet":
        return self.filter(lifted_at__isnull=True)


@tracked("suppressions_history")
class Suppression(UuidModel):
    """An address that gets nothing more on a channel, until it is lifted."""

    PERSONAL_FIELDS: ClassVar = ("address", "detail", "lifted_because")

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.SET_NULL, related_name="suppressions"
    )
    channel = models.CharField(max_length=20, choices=Channel)
    address = models.TextField()
    address_hash = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=20, choices=SuppressionReason)
    detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    lifted_because = models.TextField(blank=True, default="")

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        db_table = "suppressions"
        constraints = (
            enum_check("channel", Channel, name="suppressions_channel"),
            enum_check("reason", SuppressionReason, name="suppressions_reason"),
            models.CheckConstraint(condition=~Q(address="") | ~Q(address_hash=""), name="suppressions_address_or_hash"),
            models.UniqueConstraint(
                fields=["channel", "address", "reason"],
                condition=Q(lifted_at__isnull=True) & ~Q(address=""),
                name="suppressions_one_in_force",
            ),
        )
        indexes = (models.Index(fields=["channel", "address"], name="idx_suppressions_address"),)

    def __str__(self) -> str:
        return f"{self.channel} {self.address}: {self.get_reason_display()}"
