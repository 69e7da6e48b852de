"""Below `/api/v1/`."""

from config.api.paths import api_path
from customers.api.consent import ConsentCollection, ConsentDetail
from customers.api.views import AppointmentCollection, AppointmentDetail, CustomerCollection, CustomerDetail

urlpatterns = [
    api_path("customer", CustomerCollection.as_view(), name="api-customer"),
    api_path("customer/(?P<pk>[^/]+)", CustomerDetail.as_view(), name="api-customer-detail"),
    api_path("appointment", AppointmentCollection.as_view(), name="api-appointment"),
    api_path("appointment/(?P<pk>[^/]+)", AppointmentDetail.as_view(), name="api-appointment-detail"),
    api_path("consent", ConsentCollection.as_view(), name="api-consent"),
    api_path("consent/(?P<pk>[^/]+)", ConsentDetail.as_view(), name="api-consent-detail"),
]
