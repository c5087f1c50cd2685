import jwt


def planted(token, key):
    # ruleid: token-not-checked
    jwt.decode(token, key, algorithms=["RS256"], options={"verify_signature": False})
    # ruleid: token-not-checked
    jwt.decode(token, key, algorithms=["RS256", "HS256"])
    # ruleid: token-not-checked
    jwt.decode(token, key, algorithms=[jwt.get_unverified_header(token)["alg"]])
    # ruleid: token-not-checked
    jwt.decode(token, key)


def sound(token, key):
    # ok: token-not-checked
    return jwt.decode(token, key, algorithms=["RS256"], issuer="https://issuer.example")
