"""The provider emulator: the providers' HTTP APIs in a process of their own, and the judge of what was really accepted.

Rapport's adapters talk to it exactly as to the real providers; going live changes an address and credentials. It never
imports Rapport's models, settings or counters, so that an error there cannot hide itself here.

    python -m communications.emulator --port 8002 --data .data/emulator

Rooms: `ledger` (what was accepted, fsynced before the answer), `store` (the phones), `faults` (how to misbehave),
`callbacks` and `webhooks` (calling back), `control` (the API under /_control/), `phonebook` and `audit` (what it reads),
`pages` (phones and mailboxes to look at), `front` (the quick way for plain sends), one folder per provider (`twilio`,
`sendgrid`), `testing` (the door for tests, demo and benches).
"""
