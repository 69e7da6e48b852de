"""Which customers a term means."""

from django.conf import settings
from django.db.models import Q

from customers.identity.search import looks_like_address, spellings
from customers.models import CustomerIdentifier


def matching(term: str) -> Q:
    """Customers whom `term` means: an address by equality, else the beginning of a name or an external id."""
    if looks_like_address(term):
        known = spellings(term, region=settings.PHONE_REGION)
        found = CustomerIdentifier.objects.filter(identifier_value__in=known).values("customer")
        return Q(pk__in=found) | Q(primary_email__in=known) | Q(external_id=term)
    first, _, last = term.partition(" ")
    both = Q(first_name__istartswith=first, last_name__istartswith=last.strip()) if last else Q()
    one = Q(last_name__istartswith=term) | Q(first_name__istartswith=term)
    return Q(name__istartswith=term) | (both or one) | Q(external_id=term)
