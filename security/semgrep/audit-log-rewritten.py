AUDIT_LOGS = "audit_logs"


def planted(self, database, entry):
    # ruleid: audit-log-rewritten
    self._audit.update_one({"_id": entry}, {"$set": {"action": "none"}})
    # ruleid: audit-log-rewritten
    database[AUDIT_LOGS].delete_many({})
    # ruleid: audit-log-rewritten
    database["audit_logs"].drop()
    # ruleid: audit-log-rewritten
    database.drop_collection(AUDIT_LOGS)
    # ruleid: audit-log-rewritten
    self._audit.find_one_and_replace({"_id": entry}, {})


def sound(self, database, entry):
    # ok: audit-log-rewritten
    self._audit.insert_one(entry)
    # ok: audit-log-rewritten
    self._audit.find_one({"_id": entry})
    # ok: audit-log-rewritten
    database["doctors"].update_one({"_id": entry}, {"$set": {"name": "-"}})
