"""What an action says no to, for whichever edge asked: a page, the API, a command."""


class Refused(Exception):
    """Nothing was stored. `code` is stable, `detail` a sentence for people, `attr` names the field it is about.

    `is_conflict`: the request is right in itself, and meets something that stands against it.
    """

    def __init__(self, code: str, detail: str, *, attr: str | None = None, is_conflict: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.attr = attr
        self.is_conflict = is_conflict
