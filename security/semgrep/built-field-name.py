def planted(slots, name, value):
    # ruleid: built-field-name
    slots.find({f"hold.{name}": value})
    # ruleid: built-field-name
    slots.update_one({"_id": 1}, {"$set": {"hold." + name: value}})
    # ruleid: built-field-name
    slots.find({"{}".format(name): value})
    query = {}
    # ruleid: built-field-name
    query[f"${name}"] = value
    return query


def sound(slots, value):
    # ok: built-field-name
    slots.find({"hold.userId": value})
