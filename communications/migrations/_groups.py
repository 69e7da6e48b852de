"""The four groups that staff and programs begin with. Staff change them in the back office; nothing puts them back."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

READ, WRITE = ("view",), ("view", "add", "change")
LISTENING = {
    "customers.customer": WRITE,
    "customers.customeridentifier": WRITE,
    "customers.appointment": WRITE,
    "customers.consentevent": ("view", "add"),
    "customers.suppression": READ,
    "customers.device": READ,
    "customers.employee": READ,
    "interactions.conversation": WRITE,
    "interactions.interaction": WRITE,
    "interactions.message": READ,
    "interactions.attachment": READ,
    "interactions.aianalysis": READ,
    "interactions.smsdetails": READ,
    "interactions.emaildetails": READ,
    "interactions.voicecalldetails": READ,
    "interactions.communicationevent": READ,
    "communications.messageschema": READ,
    "communications.messageschemaversion": READ,
    "communications.messagedata": ("view", "add"),
    "communications.deliveryevent": READ,
    "communications.appointmentreminder": READ,
}
GROUPS = {
    "Agent": LISTENING,
    "Manager": {
        **LISTENING,
        "customers.employee": WRITE,
        "customers.suppression": WRITE,
        "interactions.contextdata": READ,
        "communications.messageschema": ("view", "add", "change", "delete"),
        "communications.messagedata": WRITE,
        "communications.bulksend": WRITE,
        "communications.sendbatch": ("view", "change"),
        "communications.reminderschedule": WRITE,
        "communications.senderline": WRITE,
        "communications.providercircuit": READ,
        "communications.trackedlink": READ,
        "communications.webhookdelivery": ("view", "change"),
    },
    "Marketing": {
        "customers.customer": READ,
        "customers.customeridentifier": READ,
        "customers.consentevent": READ,
        "customers.suppression": READ,
        "communications.messageschema": ("view", "add", "change", "delete"),
        "communications.messageschemaversion": READ,
        "communications.messagedata": ("view", "add"),
        "communications.bulksend": ("view", "add"),
        "communications.deliveryevent": READ,
        "communications.trackedlink": READ,
    },
    "API client": {
        "customers.customer": WRITE,
        "customers.appointment": WRITE,
        "customers.consentevent": ("view", "add"),
        "interactions.conversation": WRITE,
        "interactions.interaction": WRITE,
        "communications.messageschema": READ,
        "communications.messagedata": ("view", "add"),
        "communications.bulksend": ("view", "add"),
    },
}


def make_groups(apps, schema_editor):
    _make_permissions(apps)
    permissions = apps.get_model("auth", "Permission").objects
    for name, models in GROUPS.items():
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        if is_new:
            wanted = {(each, f"{verb}_{each.split('.')[1]}") for each, verbs in models.items() for verb in verbs}
            group.permissions.set(
                permission.pk
                for permission in permissions.select_related("content_type")
                if (f"{permission.content_type.app_label}.{permission.content_type.model}", permission.codename) in wanted
            )


def _make_permissions(apps):
    """Django makes them after all migrations, which is too late for the groups."""
    for label in ("customers", "interactions", "communications"):
        create_permissions(installed.get_app_config(label), verbosity=0, apps=apps)
