import os
from os import environ


def planted():
    # ruleid: environment-outside-settings
    os.environ["MONGO_URI"]
    # ruleid: environment-outside-settings
    os.environ.get("MONGO_URI", "")
    # ruleid: environment-outside-settings
    os.getenv("MONGO_URI")
    # ruleid: environment-outside-settings
    environ["MONGO_URI"]


def sound(settings):
    # ok: environment-outside-settings
    return settings.mongo_uri
