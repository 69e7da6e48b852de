"""`web`: pages, API, webhooks and tracking over WSGI."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config import engines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

application = get_wsgi_application()
engines.attach_missing(settings.DATA_DIR)
