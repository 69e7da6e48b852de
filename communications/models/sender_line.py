"""How fast and whether at all a line of ours may send, and whether its provider answers: rows, so that every process agrees."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check
from config.history.tracking import tracked


@tracked("sender_lines_history", without=("tokens", "tokens_at", "updated_ts"))
class SenderLine(UuidModel):
    """The rate of one sender at one provider, as a bucket of tokens; an empty `sender` speaks for every other one.

    `tokens` is what was in the bucket at `tokens_at`; it fills by `per_second` up to `burst`. A paused line keeps its
    messages waiting.
    """

    PERSONAL_FIELDS: ClassVar = ()

    provider = models.CharField(max_length=50)
    sender = models.CharField(max_length=320, blank=True, default="", help_text="Empty: every line without a row.")
    per_second = models.DecimalField(max_digits=10, decimal_places=3, help_text="Messages a second.")
    burst = models.IntegerField(default=1, help_text="Messages that may leave at once after a rest.")
    tokens = models.FloatField(default=1.0, editable=False)
    tokens_at = models.DateTimeField(default=timezone.now, editable=False)
    paused = models.BooleanField(default=False)
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    class Meta:
        db_table = "sender_lines"
        verbose_name = "line"
        constraints = (
            models.UniqueConstraint(fields=["provider", "sender"], name="sender_lines_once"),
            models.CheckConstraint(condition=Q(per_second__gt=0), name="sender_lines_rate"),
            models.CheckConstraint(condition=Q(burst__gte=1), name="sender_lines_burst"),
            models.CheckConstraint(condition=Q(tokens__gte=0), name="sender_lines_tokens"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.sender or '(every other line)'}, {self.per_second:g} a second"


class CircuitState(models.TextChoices):
    CLOSED = "closed", "Closed: calls pass"
    OPEN = "open", "Open: no calls"


class ProviderCircuit(UuidModel):
    """The circuit breaker of one provider. Open, it lets one call through at `probe_at`; what that does decides.

    `calls` and `failures` are of the window that began at `window_at`; `openings` counts openings in a row.
    """

    PERSONAL_FIELDS: ClassVar = ()

    State = CircuitState

    provider = models.CharField(max_length=50, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    window_at = models.DateTimeField(default=timezone.now)
    calls = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    openings = models.IntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    updated_ts = models.DateTimeField("updated", auto_now=True)

    class Meta:
        db_table = "provider_circuits"
        verbose_name = "provider"
        constraints = (
            enum_check("state", CircuitState, name="provider_circuits_state"),
            models.CheckConstraint(
                condition=Q(calls__gte=0, failures__gte=0, openings__gte=0), name="provider_circuits_counts"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", probe_at__isnull=True) | Q(state="open", probe_at__isnull=False),
                name="provider_circuits_probe_paired",
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider}: {self.get_state_display()}"
