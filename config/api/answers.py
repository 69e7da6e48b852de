"""The errors that operations of all resources document."""

from drf_spectacular.utils import OpenApiResponse

from config.api.serializers import ErrorsSerializer


def error(description: str) -> OpenApiResponse:
    return OpenApiResponse(ErrorsSerializer, description)


UNAVAILABLE = error("The database is away (`database_unavailable`); come again after `Retry-After` seconds.")
LIST_ERROR = error(
    "A parameter is not what it has to be (`invalid`, `invalid_choice`, `invalid_cursor`), or the list does not know it "
    "(`unknown_parameter`), each with its name."
)
NO_LENGTH = error("The body has no `Content-Length` (`length_required`).")
TOO_LARGE = error("The body is larger than 1 MB (`payload_too_large`).")
WRITING_ERRORS = {
    400: error(
        "The body is not what it has to be: `parse_error`, `required`, `unknown_field`, `invalid_choice`, "
        "`does_not_exist` and the like, each with its field. Nothing was stored."
    ),
    409: error("Something that is there already stands against it; `code` says what. Nothing was stored."),
    411: NO_LENGTH,
    413: TOO_LARGE,
    503: UNAVAILABLE,
}
