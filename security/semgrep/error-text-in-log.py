import logging
import traceback


def planted(logger, store):
    try:
        store.insert()
    except ValueError as error:
        # ruleid: error-text-in-log
        logging.exception("store.failed")
        # ruleid: error-text-in-log
        logger.error("store.failed", why=str(error))
        # ruleid: error-text-in-log
        logger.error("store.failed", exc_info=True)
        # ruleid: error-text-in-log
        logger.error(f"store failed: {error}")
        # ruleid: error-text-in-log
        logger.warning("store.failed", why=repr(error))
        # ruleid: error-text-in-log
        logger.warning("store.failed", why=traceback.format_exc())


def sound(logger, store):
    try:
        store.insert()
    except ValueError as error:
        # ok: error-text-in-log
        logger.exception("store.failed")
        # ok: error-text-in-log
        logger.error("store.failed", errorType=type(error).__name__)
        # ok: error-text-in-log
        logger.info("request.refused", code=error.code)
