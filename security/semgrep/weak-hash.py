import hashlib
import hmac


def planted(text):
    # ruleid: weak-hash
    hashlib.md5(text)
    # ruleid: weak-hash
    hashlib.sha1(text)
    # ruleid: weak-hash
    hmac.new(text, text, "md5")


def sound(text):
    # ok: weak-hash
    hashlib.sha256(text)
    # ok: weak-hash
    return hmac.new(text, text, "sha256")
