"""What the endpoints that send have in common: the caller's key, the errors they document, a refusal as an error."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail, ValidationError

from communications.api.idempotency import HEADER
from communications.exceptions import SendRefused
from config.api.answers import UNAVAILABLE, error

KEY_PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The caller's own key for this request, 1 to 255 printable ASCII characters, good for 24 hours. "
    "A repeat with the same key and body gets the stored answer (`Idempotent-Replayed: true`); nothing is sent twice.",
)


RUNNING = "A request with this key is still running (`request_running`); see `Retry-After`."
SENDING_ERRORS = {
    400: error(
        "The body is not what it has to be, or the message cannot be sent: `parse_error`, `required`, `unknown_field`, "
        "`does_not_exist`, `recipient_required`, `invalid_phone`, `invalid_email`, `no_address`, `missing_variable`, "
        "`schema_not_usable`, `method_not_supported`, `template_error`, `too_long`, `expired`, "
        "`invalid_idempotency_key` and the like, each with its field. Nothing was stored; the key may be used again."
    ),
    409: error(RUNNING),
    411: error("The body has no `Content-Length` (`length_required`)."),
    413: error("The body is larger than 1 MB (`payload_too_large`)."),
    422: error("The key was used for another request (`idempotency_key_reused`)."),
    503: UNAVAILABLE,
}


def as_validation_error(refused: SendRefused) -> ValidationError:
    detail = ErrorDetail(refused.detail, code=refused.code)
    return ValidationError({refused.attr: [detail]} if refused.attr else [detail])
