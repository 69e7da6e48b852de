"""Django's PostgreSQL backend with pooled connections that cost no round trip to look at."""
