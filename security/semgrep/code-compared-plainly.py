import hmac


def planted(code, expected):
    # ruleid: code-compared-plainly
    return code == expected


def sound(code, expected, sends):
    # ok: code-compared-plainly
    if sends == 0:
        return False
    # ok: code-compared-plainly
    return hmac.compare_digest(code, expected)
