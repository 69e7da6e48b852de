"""SendGrid's Mail Send (v3) and its event webhook.

Addresses that behave by themselves, so that every case can be played without a rule. What counts is the local part, or
what follows its last plus: `bounce@example.com` and `anna+bounce@example.com` alike (`fates` has the table):

    bounce       does not exist: 5.1.1, and dropped from then on      open          opened
    blocked      refused by the server this time                      click         opened, and a link followed
    deferred     told to wait, then delivered                         spam          opened, and reported as spam
    dropped      never tried                                          unsubscribe   opened, and unsubscribed
    silent       processed, and never a word more
"""
