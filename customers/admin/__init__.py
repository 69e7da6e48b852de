"""Who, in the back office."""

from customers.admin import appointment, consent, customer, employee, identifier

__all__ = ["appointment", "consent", "customer", "employee", "identifier"]
