"""One error shape for the whole API: type, code, detail, attr (drf-standardized-errors)."""

from django.db import InterfaceError, OperationalError
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import status
from rest_framework.exceptions import APIException

from config.middleware import RETRY_AFTER_SECONDS


class DatabaseUnavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    default_detail = "The database cannot be reached at the moment. Nothing was stored; please try again."
    wait = RETRY_AFTER_SECONDS


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class ApiExceptionHandler(ExceptionHandler):  # type: ignore[misc]
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, OperationalError | InterfaceError):
            return DatabaseUnavailable()
        converted: Exception = super().convert_known_exceptions(exc)
        return converted
