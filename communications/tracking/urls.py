from django.urls import path

from communications.tracking.unsubscribe import unsubscribe
from communications.tracking.views import click, picture

app_name = "tracking"
urlpatterns = [
    path("<str:token>/o.gif", picture, name="picture"),
    path("<str:token>/c/<int:position>", click, name="click"),
    path("<str:token>/unsubscribe", unsubscribe, name="unsubscribe"),
]
