"""Templates. Saving one makes a version; whatever is wrong with it is told at its field, and nothing is stored."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from communications.actions.schemas import compile_content, save_schema
from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.problems import TemplateProblem
from config.accounts.models import User
from config.back_office import BackOfficeAdmin, ReadOnlyAdmin, ReadOnlyInline, concrete_fields

_PLAIN_TEXT = (DeliveryMethod.SMS, DeliveryMethod.WHATSAPP)
_IS_PLAIN = "message_delivery_method == 'SMS' || message_delivery_method == 'WHATSAPP'"

_ONLY_FOR = {
    "subject": DeliveryMethod.EMAIL,
    "preview_text": DeliveryMethod.EMAIL,
    "from_name": DeliveryMethod.EMAIL,
    "from_email": DeliveryMethod.EMAIL,
    "reply_to_email": DeliveryMethod.EMAIL,
    "sms_sender_id": DeliveryMethod.SMS,
    "push_priority": DeliveryMethod.PUSH,
    "push_ttl": DeliveryMethod.PUSH,
    "whatsapp_template_id": DeliveryMethod.WHATSAPP,
}


class MessageSchemaForm(forms.ModelForm):
    """An SMS is written as text; the other methods' content is JSON."""

    message = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="What is sent. {{ firstName }} and the like are filled in for each person.",
    )

    class Meta:
        model = MessageSchema
        fields = "__all__"
        labels: ClassVar = {
            "descr": "Description",
            "message_delivery_method": "Sent by",
            "template_schema": "Content",
            "sms_sender_id": "Sender",
            "active_flag": "Active",
            "from_ts": "From",
            "to_ts": "Until",
            "default_language": "Language",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].required = False
        content = self.instance.template_schema
        if isinstance(content, dict) and "message" in self.fields:
            self.fields["message"].initial = content.get("message", "")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        method = values.get("message_delivery_method")
        if method in _PLAIN_TEXT and "message" in values:
            kept = self.instance.template_schema
            values["template_schema"] = {**(kept if isinstance(kept, dict) else {}), "message": values["message"]}
        if method and "template_schema" in values:
            self._compile(method, values)
        return values

    def _compile(self, method: str, values: dict[str, Any]) -> None:
        """What saving would refuse is an error of the form, at its field."""
        try:
            compile_content(
                method,
                values["template_schema"],
                subject=values.get("subject") or "",
                preview_text=values.get("preview_text") or "",
                whatsapp_template_id=values.get("whatsapp_template_id") or "",
            )
        except TemplateProblem as problem:
            place = f" (line {problem.line}, column {problem.column})" if problem.field in ("message", "") else ""
            self.add_error(self._field_of(problem, method), f"{problem.message}{place}")

    def _field_of(self, problem: TemplateProblem, method: str) -> str:
        named = problem.field.split(".")[0].split("[")[0]
        candidates = [named, "message" if method in _PLAIN_TEXT else "template_schema"]
        return next((name for name in candidates if name in self.fields), NON_FIELD_ERRORS)


class VersionInline(ReadOnlyInline):
    model = MessageSchemaVersion
    fields = ("version", "language", "subject", "variables", "created_by", "created_ts")
    ordering = ("-version",)
    per_page = 20
    tab = True


@admin.register(MessageSchema)
class MessageSchemaAdmin(BackOfficeAdmin):
    form = MessageSchemaForm
    list_display = ("code", "name", "message_delivery_method", "purpose", "shown_status", "version", "updated_ts")
    list_filter = ("message_delivery_method", "purpose", "status", "active_flag")
    search_fields = ("code__istartswith", "name__istartswith")
    ordering = ("code",)
    sortable_by = ("code", "name", "updated_ts")
    one_line = ("name", "subject", "preview_text")
    inlines = (VersionInline,)
    readonly_fields = ("version", "created_ts", "updated_ts")
    conditional_fields: ClassVar = {
        "message": _IS_PLAIN,
        "template_schema": f"!({_IS_PLAIN})",
        **{name: f"message_delivery_method == '{method}'" for name, method in _ONLY_FOR.items()},
    }
    fieldsets = (
        (None, {"fields": ("name", ("message_delivery_method", "purpose"), ("category", "code"), "descr")}),
        (
            "Content",
            {
                "fields": (
                    "message",
                    "subject",
                    "preview_text",
                    "template_schema",
                    ("from_name", "from_email"),
                    "reply_to_email",
                    "sms_sender_id",
                    "whatsapp_template_id",
                    ("push_priority", "push_ttl"),
                )
            },
        ),
        (
            "When it may be sent",
            {
                "fields": (
                    ("status", "active_flag"),
                    "from_ts",
                    "to_ts",
                    ("validity_seconds", "default_language"),
                    "rather_twice_than_never",
                )
            },
        ),
        (
            "Record",
            {"fields": (("version", "created_ts", "updated_ts"), "attachments", "metadata"), "classes": ("tab",)},
        ),
    )

    def save_model(self, request: HttpRequest, obj: MessageSchema, form: forms.ModelForm, change: bool) -> None:
        save_schema(obj, by=cast(User, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Messages keep the version they were rendered from; a template that is no longer wanted is archived."""
        return False

    @display(description="Status", label={"Published": "success", "Draft": "warning", "Archived": "info"})
    def shown_status(self, schema: MessageSchema) -> str:
        return schema.get_status_display()


@admin.register(MessageSchemaVersion)
class MessageSchemaVersionAdmin(ReadOnlyAdmin):
    list_display = ("message_schema", "version", "language", "created_by", "created_ts")
    list_select_related = ("message_schema", "created_by")
    search_fields = ("message_schema__code__exact",)
    search_help_text = "The template's code"
    fields = concrete_fields(MessageSchemaVersion)
