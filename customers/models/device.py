"""A customer's device that takes push notifications (source 000)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check
from customers.choices import DevicePlatform
from customers.models.customer import Customer


class Device(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("token", "name")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="devices")
    platform = models.CharField(max_length=10, choices=DevicePlatform)
    token = models.TextField()
    app = models.CharField(max_length=100, blank=True, default="")
    name = models.CharField(max_length=100, blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    active = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "devices"
        constraints = (
            models.UniqueConstraint(fields=["app", "token"], name="devices_app_token_unique"),
            enum_check("platform", DevicePlatform, name="devices_platform"),
            models.CheckConstraint(condition=~Q(token=""), name="devices_token_not_empty"),
        )

    def __str__(self) -> str:
        return f"{self.get_platform_display()} {self.token[:8]}…"
