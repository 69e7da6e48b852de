"""Twilio's Messages API (2010-04-01), its status callbacks and its inbound webhook.

Numbers that behave by themselves, so that every case can be played without a rule (`numbers` has the tables):

    To    +15005550001  invalid, 21211            From  +15005550001  invalid, 21212
          +15005550002  cannot be routed, 21612         +15005550007  not ours, 21606
          +15005550003  region not enabled, 21408       +15005550008  queue full, 21611
          +15005550004  blocked, 21610                  +15005550006  good, also behind messaging services
          +15005550009  no mobile number, 21614

    To ending in  5550198  undelivered, 30005 (unknown destination)
                  5550199  failed, 30003 (unreachable)
                  5550197  sent, and never a word more (carriers without receipts)
"""
