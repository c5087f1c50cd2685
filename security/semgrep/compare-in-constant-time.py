import hmac


def planted(attempt, given_code, digest, signature, expected):
    # ruleid: compare-in-constant-time
    if given_code == attempt.code:
        return True
    # ruleid: compare-in-constant-time
    if attempt.digest != digest:
        return False
    # ruleid: compare-in-constant-time
    return signature == expected


def sound(attempt, given_code, digest):
    # ok: compare-in-constant-time
    if len(digest) != 32:
        return False
    # ok: compare-in-constant-time
    if attempt.error_code == "held":
        return False
    # ok: compare-in-constant-time
    return hmac.compare_digest(given_code, attempt.code)
