def planted(redis, key):
    # ruleid: built-redis-script
    redis.eval(f"return redis.call('GET', '{key}')", 0)
    # ruleid: built-redis-script
    redis.eval("return redis.call('GET', '" + key + "')", 0)
    # ruleid: built-redis-script
    redis.execute_command(f"GET {key}")


def sound(redis, script, key):
    # ok: built-redis-script
    redis.eval(script("take_token"), 1, key)
