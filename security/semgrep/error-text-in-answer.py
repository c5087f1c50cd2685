def planted(store, problem):
    try:
        store.insert()
    except ValueError as error:
        # ruleid: error-text-in-answer
        first = problem(status=500, detail=str(error))
        # ruleid: error-text-in-answer
        second = {"statusCode": 500, "body": f"failed: {error}"}
        return first, second


def sound(store, problem):
    try:
        store.insert()
    except ValueError as error:
        # ok: error-text-in-answer
        return problem(status=500, detail="Something went wrong on our side.", code=type(error))
