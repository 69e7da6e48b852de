"""An employee: who answers, who visits, who is named in a message (source 000)."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from config.db import UuidModel
from config.history.tracking import tracked


@tracked("employee_history", without=("updated_at",))
class Employee(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("name", "email", "phone")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="employee"
    )
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=32, blank=True, default="", help_text="E.164.")
    title = models.CharField(max_length=100, blank=True, default="")
    team = models.CharField(max_length=100, blank=True, default="")
    language = models.CharField(max_length=10, blank=True, default="")
    time_zone = models.CharField(max_length=50, blank=True, default="")
    external_id = models.CharField(max_length=200, null=True, blank=True, unique=True)
    active_flag = models.BooleanField("active", default=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "employee"

    def __str__(self) -> str:
        return self.name
