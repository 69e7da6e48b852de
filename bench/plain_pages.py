"""The plain way to list messages over an API, for `bench/pages.py`: DRF's ModelSerializer and page numbers.

The same rows, columns, permissions and tokens. It is a WSGI application of its own.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

import django

django.setup()

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer

from communications.api.serializers import LISTED
from communications.models import MessageData


class Pages(PageNumberPagination):
    page_size = 25


class PlainSerializer(ModelSerializer[MessageData]):
    class Meta:
        model = MessageData
        fields = LISTED


class PlainList(ListAPIView[MessageData]):
    scope = "message-data"
    queryset = MessageData.objects.order_by("-id")
    serializer_class = PlainSerializer
    pagination_class = Pages
    renderer_classes = (JSONRenderer,)


urlpatterns = [path("api/v1/message-data", PlainList.as_view())]
settings.ROOT_URLCONF = __name__
application = get_wsgi_application()
