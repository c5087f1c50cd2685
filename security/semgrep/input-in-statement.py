import json


def planted(call, event, slots):
    # ruleid: input-in-statement
    slots.find_one({"_id": call.body["slotId"]})
    wanted = json.loads(event["body"])
    # ruleid: input-in-statement
    slots.find(wanted)
    # ruleid: input-in-statement
    slots.update_one({"_id": event["pathParameters"]["slotId"]}, {"$set": {"status": "active"}})
    # ruleid: input-in-statement
    slots.aggregate([{"$match": {"doctorId": call.query.get("doctorId")}}])


def sound(call, event, slots, HoldRequest, literal):
    asked = HoldRequest.model_validate(call.body)
    # ok: input-in-statement
    slots.find_one({"_id": asked.slot_id})
    # ok: input-in-statement
    slots.find_one({"_id": str(event["pathParameters"]["slotId"])})
    # ok: input-in-statement
    slots.find_one({"$expr": {"$eq": ["$_id", literal(call.body["slotId"])]}})
