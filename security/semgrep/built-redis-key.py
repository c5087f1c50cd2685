def planted(self, redis, slot_id):
    # ruleid: built-redis-key
    redis.get(f"lock:slot:{slot_id}")
    # ruleid: built-redis-key
    self._redis.delete("lock:slot:1")


def sound(self, redis, slot_id):
    # ok: built-redis-key
    redis.get(self._keys.lock(slot_id))
