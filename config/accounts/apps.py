from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AccountsConfig(AppConfig):
    name = "config.accounts"
    label = "accounts"
    verbose_name = "Accounts"


class BackOfficeConfig(AdminConfig):
    """Django's admin, as a site of ours."""

    default_site = "config.accounts.site.BackOfficeSite"
