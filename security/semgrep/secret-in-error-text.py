def planted(settings, token):
    if not settings.mongo_uri:
        # ruleid: secret-in-error-text
        raise ValueError(f"cannot read {settings.mongo_uri}")
    # ruleid: secret-in-error-text
    raise ValueError(token)


def sound(settings):
    # ok: secret-in-error-text
    raise ValueError("MONGO_URI names no database")
