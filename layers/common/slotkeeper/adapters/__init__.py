"""The ports carried out on MongoDB, Redis and AWS; driver errors end here."""
