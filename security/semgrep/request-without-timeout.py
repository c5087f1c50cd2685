import urllib.request

import requests


def planted(url):
    # ruleid: request-without-timeout
    urllib.request.urlopen(url)
    # ruleid: request-without-timeout
    requests.get(url)


def sound(url):
    # ok: request-without-timeout
    urllib.request.urlopen(url, timeout=2)
    # ok: request-without-timeout
    return requests.get(url, timeout=2)
