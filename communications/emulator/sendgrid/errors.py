"""SendGrid's refusals as they come back: a list of errors, each with a sentence, a field and a link."""

from aiohttp import web

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
SENTENCES = {
    400: "Bad Request",
    401: "The provided authorization grant is invalid, expired, or revoked",
    413: "The total size of the request, attachments included, must be less than 30MB.",
    429: "too many requests",
    500: "internal server error",
    503: "service unavailable",
}


class Refusal(Exception):
    """Refuses a call: nobody of it gets a mail."""

    def __init__(self, message: str, field: str | None = None, *, status: int = 400, about: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status
        self.help = f"{HELP}#{about}" if about else None

    def response(self) -> web.Response:
        return answer(self.message, self.field, self.help, self.status)


def for_status(status: int) -> web.Response:
    """SendGrid's body for an HTTP status that a fault rule asks for."""
    return answer(SENTENCES.get(status, SENTENCES[500]), None, None, status)


def answer(message: str, field: str | None, link: str | None, status: int) -> web.Response:
    return web.json_response({"errors": [{"message": message, "field": field, "help": link}]}, status=status)
