import ssl

import requests
from pymongo import MongoClient


def planted(url):
    # ruleid: unverified-tls
    requests.get(url, verify=False, timeout=5)
    # ruleid: unverified-tls
    MongoClient(url, tls=True, tlsAllowInvalidCertificates=True)
    # ruleid: unverified-tls
    MongoClient("mongodb://db.example/?tls=true&tlsInsecure=true")
    context = ssl.create_default_context()
    # ruleid: unverified-tls
    context.check_hostname = False
    # ruleid: unverified-tls
    context.verify_mode = ssl.CERT_NONE
    # ruleid: unverified-tls
    return ssl._create_unverified_context()


def sound(url):
    # ok: unverified-tls
    requests.get(url, verify="/etc/ca.pem", timeout=5)
    # ok: unverified-tls
    return MongoClient(url, tls=True, tlsCAFile="/etc/ca.pem")
