"""What a person reads when they want no more, in English and in their language. The ledger keeps it with what they did."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Words:
    """`{brand}` and `{address}` are filled in; an address is shown masked."""

    language: str
    unsubscribe: str
    unsubscribed: str
    question: str
    promotions: str
    promotions_hint: str
    everything: str
    everything_hint: str
    promotions_off: str
    everything_off: str
    off_elsewhere: str
    soon: str
    undo: str
    undo_hint: str
    lost: str
    lost_hint: str
    link_lost: str


_ENGLISH = Words(
    language="en",
    unsubscribe="Unsubscribe",
    unsubscribed="You are unsubscribed",
    question="What should {address} no longer receive from {brand}?",
    promotions="Only promotions",
    promotions_hint="No more offers and news. Messages about your own orders and appointments still come.",
    everything="Everything",
    everything_hint="No more messages at all, not even reminders and confirmations.",
    promotions_off="{address} receives no more promotions from {brand}.",
    everything_off="{address} receives nothing more from {brand}.",
    off_elsewhere="To hear from us again, please write to us.",
    soon="This holds from now on.",
    undo="Subscribe again",
    undo_hint="Was this a mistake?",
    lost="This link is not complete",
    lost_hint="Please open it again from the message, or copy all of it.",
    link_lost="It leads nowhere. Nothing was changed.",
)
_FRENCH = Words(
    language="fr",
    unsubscribe="Se désabonner",
    unsubscribed="Désabonnement effectué",
    question="Que ne faut-il plus envoyer à {address} de la part de {brand} ?",
    promotions="Les promotions seulement",
    promotions_hint="Plus d'offres ni de nouvelles. Les messages sur vos commandes et rendez-vous arrivent toujours.",
    everything="Tous les messages",
    everything_hint="Plus aucun message, pas même les rappels et les confirmations.",
    promotions_off="{address} ne reçoit plus de promotions de {brand}.",
    everything_off="{address} ne reçoit plus rien de {brand}.",
    off_elsewhere="Pour recevoir de nouveau nos messages, écrivez-nous.",
    soon="C'est valable dès maintenant.",
    undo="Se réabonner",
    undo_hint="C'était une erreur ?",
    lost="Ce lien est incomplet",
    lost_hint="Ouvrez-le de nouveau depuis le message ou copiez-le en entier.",
    link_lost="Il ne mène nulle part. Rien n'a été modifié.",
)
_SPANISH = Words(
    language="es",
    unsubscribe="Darse de baja",
    unsubscribed="Baja realizada",
    question="¿Qué no debe recibir más {address} de {brand}?",
    promotions="Solo las promociones",
    promotions_hint="Sin más ofertas ni noticias. Los mensajes sobre sus pedidos y citas siguen llegando.",
    everything="Todos los mensajes",
    everything_hint="Ningún mensaje más, ni siquiera recordatorios y confirmaciones.",
    promotions_off="{address} ya no recibe promociones de {brand}.",
    everything_off="{address} ya no recibe nada de {brand}.",
    off_elsewhere="Para volver a recibir nuestros mensajes, escríbanos.",
    soon="Es válido desde ahora.",
    undo="Suscribirse de nuevo",
    undo_hint="¿Fue un error?",
    lost="Este enlace está incompleto",
    lost_hint="Ábralo de nuevo desde el mensaje o cópielo entero.",
    link_lost="No lleva a ninguna parte. No se ha cambiado nada.",
)
_GERMAN = Words(
    language="de",
    unsubscribe="Abmelden",
    unsubscribed="Sie sind abgemeldet",
    question="Was soll {address} von {brand} nicht mehr erhalten?",
    promotions="Nur Werbung",
    promotions_hint="Keine Angebote und Neuigkeiten mehr. Nachrichten zu Ihren Aufträgen und Terminen kommen weiter.",
    everything="Alle Nachrichten",
    everything_hint="Gar keine Nachrichten mehr, auch keine Erinnerungen und Bestätigungen.",
    promotions_off="{address} erhält keine Werbung mehr von {brand}.",
    everything_off="{address} erhält nichts mehr von {brand}.",
    off_elsewhere="Wenn Sie wieder von uns hören möchten, schreiben Sie uns bitte.",
    soon="Das gilt ab sofort.",
    undo="Wieder anmelden",
    undo_hint="War das ein Versehen?",
    lost="Dieser Link ist unvollständig",
    lost_hint="Bitte öffnen Sie ihn noch einmal aus der Nachricht oder kopieren Sie ihn ganz.",
    link_lost="Er führt nirgendwohin. Es wurde nichts geändert.",
)
_BY_LANGUAGE = {words.language: words for words in (_ENGLISH, _FRENCH, _SPANISH, _GERMAN)}


def words_for(language: str) -> Words:
    """The words of `language` (`fr`, `fr-CA`); unknown languages get English."""
    primary = re.split(r"[-_]", language or "en", maxsplit=1)[0].casefold()
    return _BY_LANGUAGE.get(primary, _ENGLISH)
