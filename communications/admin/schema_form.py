"""The forms of templates: an SMS is written as text, other content as JSON; what saving would refuse stands at its field."""

import json
from typing import Any, ClassVar, NoReturn

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from communications.actions.schemas import CONTENT, compile_content
from communications.choices import DeliveryMethod
from communications.models import MessageSchema
from communications.rendering.languages import canonical
from communications.rendering.problems import TemplateProblem

PLAIN_TEXT = (DeliveryMethod.SMS, DeliveryMethod.WHATSAPP)
#: Fields that only one method has.
ONLY_FOR = {
    "subject": DeliveryMethod.EMAIL,
    "preview_text": DeliveryMethod.EMAIL,
    "from_name": DeliveryMethod.EMAIL,
    "from_email": DeliveryMethod.EMAIL,
    "reply_to_email": DeliveryMethod.EMAIL,
    "attachments": DeliveryMethod.EMAIL,
    "sms_sender_id": DeliveryMethod.SMS,
    "push_priority": DeliveryMethod.PUSH,
    "push_ttl": DeliveryMethod.PUSH,
    "whatsapp_template_id": DeliveryMethod.WHATSAPP,
}
CONTENT_ROWS: tuple[str | tuple[str, ...], ...] = (
    "message",
    "subject",
    "preview_text",
    "template_schema",
    ("from_name", "from_email"),
    "reply_to_email",
    "attachments",
    "sms_sender_id",
    "whatsapp_template_id",
    ("push_priority", "push_ttl"),
)


class ContentField(forms.JSONField):
    """JSON whose mistakes are told with their line and column."""

    def to_python(self, value: Any) -> Any:
        try:
            return json.loads(value, parse_constant=_no_number) if value else {}
        except json.JSONDecodeError as error:
            said = f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
            raise ValidationError(said) from error
        except RecursionError as error:
            raise ValidationError("This is nested too deeply.") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As it was written, also where it is no JSON."""
        return data

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _no_number(constant: str) -> NoReturn:
    raise ValidationError(f"“{constant}” is not a number.")


class ContentForm(forms.ModelForm):
    """What a variant has of its own."""

    message = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="What is sent. {{ firstName }} and the like are filled in for each person.",
    )
    template_schema = ContentField(
        required=False,
        label="Content",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 24, "class": "rp-json", "spellcheck": "false"}),
    )

    class Meta:
        model = MessageSchema
        fields = CONTENT
        labels: ClassVar = {"sms_sender_id": "Sender", "whatsapp_template_id": "Approved template’s id"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        content = self.initial.get("template_schema", self.instance.template_schema)
        if isinstance(content, dict) and "message" in self.fields:
            self.fields["message"].initial = content.get("message", "")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        method = values.get("message_delivery_method", self.instance.message_delivery_method)
        if method in PLAIN_TEXT and "message" in values:
            kept = self.instance.template_schema
            message = values["message"].replace("\r\n", "\n")
            values["template_schema"] = {**(kept if isinstance(kept, dict) else {}), "message": message}
            self.instance.template_schema = values["template_schema"]  # a variant's page has no field for it
        if method and "template_schema" in values:
            self._compile(method, values)
        return values

    def _compile(self, method: str, values: dict[str, Any]) -> None:
        """What saving would refuse is an error of the form, at its field."""
        texts = {name: values.get(name) or "" for name in ("subject", "preview_text", "whatsapp_template_id")}
        try:
            compile_content(method, values["template_schema"], **texts)
        except TemplateProblem as problem:
            field = self._field_of(problem, method)
            self.add_error(field, _told(problem, within="" if problem.field == field else problem.field))

    def _field_of(self, problem: TemplateProblem, method: str) -> str:
        named = problem.field.split(".")[0].split("[")[0]
        content = "message" if method in PLAIN_TEXT else "template_schema"
        candidates = [named if named != "template_schema" else content, content]
        return next((name for name in candidates if name in self.fields), NON_FIELD_ERRORS)


def _told(problem: TemplateProblem, *, within: str) -> str:
    """`blocks[0].content, line 2, column 1: …`"""
    place = problem.place.capitalize() if not within else problem.place
    where = ", ".join(filter(None, ("" if within == "template_schema" else within, place)))
    return f"{where}: {problem.message}" if where else problem.message


class MessageSchemaForm(ContentForm):
    """The whole template, with the content of its default language."""

    class Meta(ContentForm.Meta):
        fields = "__all__"  # type: ignore[assignment]
        labels: ClassVar = {
            **ContentForm.Meta.labels,
            "descr": "Description",
            "message_delivery_method": "Sent by",
            "active_flag": "Active",
            "from_ts": "From",
            "to_ts": "Until",
            "default_language": "Language",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "code" in self.fields:
            self.fields["code"].required = False

    def clean_default_language(self) -> str:
        try:
            return canonical(self.cleaned_data["default_language"])
        except TemplateProblem as problem:
            raise ValidationError(problem.message) from problem
