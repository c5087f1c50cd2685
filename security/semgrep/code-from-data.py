import importlib
import pickle

import yaml


def planted(text):
    # ruleid: code-from-data
    eval(text)
    # ruleid: code-from-data
    pickle.loads(text)
    # ruleid: code-from-data
    yaml.load(text)
    # ruleid: code-from-data
    importlib.import_module(text)


def sound(redis, text):
    # ok: code-from-data
    redis.eval("return 1", 0)
    # ok: code-from-data
    return yaml.safe_load(text)
