"""A customer and the addresses that lead to him (sources 000, 002, 004)."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Upper
from django.utils import timezone

from config.db import UuidModel, enum_check
from config.history.tracking import tracked
from customers.choices import IdentifierKind


def default_time_zone() -> str:
    return settings.TIME_ZONE


def default_language() -> str:
    return settings.LANGUAGE_CODE


class CustomerQuerySet(models.QuerySet["Customer"]):
    def locked(self, customer_id: Any) -> "Customer":
        """The customer with its row lock, which is taken before a conversation's and a message's, everywhere."""
        return self.select_for_update(no_key=True).get(pk=customer_id)


# Counters are written with every batch of messages: they are no history.
@tracked("customers_history", without=("total_interactions", "sentiment_history", "last_interaction_at", "updated_at"))
class Customer(UuidModel):
    """One person over all channels. Somebody unknown is a customer without identifiers, merged when known."""

    PERSONAL_FIELDS: ClassVar = (
        "primary_email",
        "name",
        "first_name",
        "last_name",
        "phone",
        "address",
        "city",
        "province",
        "postal_code",
        "attributes",
        "metadata",
        "notes",
        "sentiment_history",
    )

    primary_email = models.TextField(null=True, blank=True)
    name = models.TextField(blank=True, default="")
    first_name = models.CharField(max_length=100, blank=True, default="")
    last_name = models.CharField(max_length=100, blank=True, default="")
    phone = models.CharField(max_length=32, blank=True, default="", help_text="E.164, such as +14165551234.")
    address = models.TextField(blank=True, default="")
    city = models.CharField(max_length=100, blank=True, default="")
    province = models.CharField(max_length=100, blank=True, default="")
    postal_code = models.CharField(max_length=20, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="", help_text="ISO 3166-1 alpha-2.")
    language = models.CharField(
        max_length=10, blank=True, default=default_language, help_text="BCP 47, such as en or fr."
    )
    time_zone = models.CharField(max_length=50, default=default_time_zone, help_text="IANA name.")
    customer_type = models.CharField(max_length=50, blank=True, default="")
    tier = models.CharField(max_length=50, blank=True, default="")
    external_id = models.CharField(max_length=200, null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    notes = models.TextField(blank=True, default="")
    sentiment_history = models.JSONField(
        default=list, blank=True, help_text='[{"date": "2026-01-31", "score": 0.8, "channel": "email"}]'
    )
    first_contact_at = models.DateTimeField(default=timezone.now)
    total_interactions = models.IntegerField(default=0)
    last_interaction_at = models.DateTimeField(null=True, blank=True)
    legal_hold = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from")
    merged_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        db_table = "customers"
        constraints = (
            models.UniqueConstraint(
                fields=["primary_email"],
                condition=Q(primary_email__isnull=False),
                name="customers_primary_email_unique",
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=Q(external_id__isnull=False), name="customers_external_id_unique"
            ),
            models.CheckConstraint(
                condition=Q(primary_email__isnull=True) | Q(primary_email=Lower("primary_email")),
                name="customers_primary_email_lower",
            ),
            models.CheckConstraint(condition=Q(total_interactions__gte=0), name="customers_total_not_negative"),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True, merged_at__isnull=True)
                | Q(merged_into__isnull=False, merged_at__isnull=False),
                name="customers_merge_paired",
            ),
        )
        indexes = (
            models.Index(fields=["-created_at"], name="idx_customers_created"),
            models.Index(fields=["phone"], name="idx_customers_phone", condition=~Q(phone="")),
            # what `name__istartswith` asks for
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="idx_customers_name_prefix"),
        )

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        full = f"{self.first_name} {self.last_name}".strip()
        return self.name or full or self.primary_email or self.phone or "Unknown customer"


@tracked("customer_identifiers_history")
class CustomerIdentifier(UuidModel):
    """One address of one customer; the pair of type and value belongs to nobody else."""

    PERSONAL_FIELDS: ClassVar = ("identifier_value",)

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="identifiers")
    identifier_type = models.CharField(max_length=20, choices=IdentifierKind)
    identifier_value = models.TextField()
    verified = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=50, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "customer_identifiers"
        verbose_name = "address"
        verbose_name_plural = "addresses"
        constraints = (
            models.UniqueConstraint(fields=["identifier_type", "identifier_value"], name="customer_identifiers_unique"),
            enum_check("identifier_type", IdentifierKind, name="customer_identifiers_type"),
            models.CheckConstraint(condition=~Q(identifier_value=""), name="customer_identifiers_value"),
        )
        indexes = (models.Index(fields=["identifier_value"], name="idx_identifiers_value"),)

    def __str__(self) -> str:
        return f"{self.get_identifier_type_display()} {self.identifier_value}"
