"""Who: customers and how they are reached, employees, devices, consent, appointments."""

from customers.models.appointment import Appointment
from customers.models.consent import ConsentEvent, Suppression
from customers.models.customer import Customer, CustomerIdentifier
from customers.models.device import Device
from customers.models.employee import Employee

__all__ = [
    "Appointment",
    "ConsentEvent",
    "Customer",
    "CustomerIdentifier",
    "Device",
    "Employee",
    "Suppression",
]
