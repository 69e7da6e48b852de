"""Twilio's error codes as they come back: a code, a sentence, a link, the HTTP status once more."""

from aiohttp import web

SENTENCES = {
    20001: "Invalid parameter",
    20003: "Authenticate",
    20404: "The requested resource {} was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    20503: "Service is unavailable. Please try again",
    21211: "The 'To' number {} is not a valid phone number.",
    21212: "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number {} is not a valid, SMS-capable inbound phone number or short code for your "
    "account.",
    21609: "The 'StatusCallback' URL {} is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "The 'From' number {} has exceeded the maximum number of queued messages.",
    21612: "The 'To' phone number {} is not currently reachable using the 'From' phone number via SMS.",
    21614: "'To' number {} is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21624: "The validity period must be an integer between 1 and 36000 seconds.",
    21910: "Invalid From and To pair. From and To should be of the same channel",
    30409: "Message cannot be canceled in its current state.",
}
STATUSES = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503, 30409: 409}
CODES = {400: 20001, 401: 20003, 404: 20404, 429: 20429, 503: 20503}

# What the carrier said, for messages that were taken and then not delivered.
CARRIER_SENTENCES = {
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
}


class ApiError(Exception):
    """Refuses a request with one of Twilio's codes."""

    def __init__(self, code: int, value: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = SENTENCES[code].format(value)
        self.status = STATUSES.get(code, 400)

    def response(self) -> web.Response:
        return answer(self.code, self.message, self.status)


def for_status(status: int) -> web.Response:
    """Twilio's body for an HTTP status that a fault rule asks for."""
    code = CODES.get(status, 20500)
    return answer(code, SENTENCES[code].format(""), status)


def answer(code: int, message: str, status: int) -> web.Response:
    link = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": link, "status": status}
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else None
    return web.json_response(body, status=status, headers=headers)
