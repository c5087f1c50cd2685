def planted(logger, user, event, call):
    # ruleid: personal-data-in-log
    logger.info("code.sent", phone=user.phone)
    # ruleid: personal-data-in-log
    logger.append_keys(email=user.email)
    # ruleid: personal-data-in-log
    logger.debug("request.received", event=event)
    # ruleid: personal-data-in-log
    logger.debug("request.received", what=call.body)
    # ruleid: personal-data-in-log
    logger.info("token.refused", token=user.token)


def sound(logger, user):
    # ok: personal-data-in-log
    logger.info("code.sent", userId=user.id, channel="sms")
