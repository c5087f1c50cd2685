import bson
from bson.code import Code


def planted(slots, database, doctor_id):
    # ruleid: javascript-in-statement
    slots.find({"$where": f"this.doctorId == '{doctor_id}'"})
    # ruleid: javascript-in-statement
    slots.find({"doctorId": doctor_id}).where("this.version > 1")
    # ruleid: javascript-in-statement
    slots.aggregate([{"$set": {"n": {"$function": {"body": doctor_id, "args": [], "lang": "js"}}}}])
    query = {}
    # ruleid: javascript-in-statement
    query["$where"] = doctor_id
    # ruleid: javascript-in-statement
    Code("function() { return true; }")
    # ruleid: javascript-in-statement
    database.command("mapReduce", "slots")
    return query


def sound(slots, database, doctor_id):
    # ok: javascript-in-statement
    slots.find({"doctorId": doctor_id, "$expr": {"$gt": ["$version", 1]}})
    # ok: javascript-in-statement
    database.command("ping")
