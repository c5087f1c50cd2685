"""What the payment simulator knows: payments, refunds, requests made before, and what goes wrong.

The shape and the rules are Stripe's (PaymentIntents, Refunds, idempotency keys). A payment method
named `pm_sim_<step>_<fault>` makes that step of its payment go wrong, `pm_sim_<step>_<fault>_3`
three times; `fail()` does so for any payment.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

Body = dict[str, Any]  # Any: free JSON
Answer = tuple[int, Body]

GOOD = {"pm_card_visa", "pm_card_mastercard"}
DECLINED = {
    "pm_card_chargeDeclined": "card_declined",
    "pm_card_visa_chargeDeclined": "card_declined",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_authenticationRequired": "authentication_required",
}
_UNEXPECTED = "payment_intent_unexpected_state"
_FAULTY = re.compile(r"pm_sim_([a-z]+)_([a-z]+(?:_[a-z]+)*)(?:_(\d+))?")


class Fault(StrEnum):
    """What goes wrong with a request."""

    LOST = "lost"
    """It never arrives."""
    UNANSWERED = "unanswered"
    """It has its effect; the answer is lost."""
    LATE = "late"
    """It is not answered, and arrives later (`deliver`)."""
    TWICE = "twice"
    """It arrives twice, as when something on the way repeats it."""
    ERROR = "error"
    """500, without effect."""
    ERROR_AFTER = "error_after"
    """500, with effect."""
    GONE = "gone"
    """What was reserved has lapsed by then."""
    FAILED = "failed"
    """A refund that is made, and fails."""


class NoAnswer(Exception):
    """The connection is to be closed without a word."""


class Refused(Exception):
    def __init__(self, status: int, type_: str, code: str, **more: Any):
        super().__init__(code)
        self.answer: Answer = (status, {"error": {"type": type_, "code": code, **more}})


@dataclass(frozen=True)
class _Request:
    step: str
    payment_id: str
    form: Mapping[str, str]
    key: str | None
    fault: Fault | None = None

    @property
    def asked(self) -> str:
        return f"{self.step} {self.payment_id} {sorted(self.form.items())}"


class SimulatedPayments:
    """Thread-safe; with a `file`, what happened survives the process."""

    def __init__(self, file: Path | None = None):
        self._file = file
        self._lock = threading.RLock()
        self._intents: dict[str, Body] = {}
        self._refunds: list[Body] = []
        self._known: dict[str, Any] = {}
        self._faults: list[tuple[str, str | None, Fault]] = []
        self._late: list[Callable[[], object]] = []
        if file is not None and file.exists():
            kept = json.loads(file.read_text())
            self._intents, self._refunds = kept["intents"], kept["refunds"]
            self._known = kept["known"]
            self._faults = [(step, id_, Fault(fault)) for step, id_, fault in kept["faults"]]

    # --- for tests and operators

    def fail(self, step: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests for that step go wrong, whatever payment they are about."""
        with self._lock:
            self._faults += [(step, None, fault)] * times

    @property
    def faults_left(self) -> int:
        """How many requests are still to go wrong."""
        with self._lock:
            return len(self._faults)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def deliver(self) -> int:
        """Let the late requests arrive; how many there were."""
        with self._lock:
            late, self._late = self._late, []
        for arrive in late:
            arrive()
        return len(late)

    def payments(self) -> list[Body]:
        """Every payment: whose it is, how it stands, what was taken and given back."""
        with self._lock:
            return [
                {
                    "id": intent["id"],
                    "attemptId": intent["metadata"].get("attemptId"),
                    "status": intent["status"],
                    "amount": intent["amount"],
                    "currency": intent["currency"],
                    "authorised": intent["amount_capturable"],
                    "captured": intent["amount_received"],
                    "refunded": self._given_back(intent["id"]),
                    "authorisations": intent["authorisations"],
                }
                for intent in self._intents.values()
            ]

    @property
    def kept(self) -> int:
        """What was taken and not given back."""
        return sum(payment["captured"] - payment["refunded"] for payment in self.payments())

    @property
    def reserved(self) -> int:
        return sum(payment["authorised"] for payment in self.payments())

    # --- requests

    def handle(self, method: str, path: str, form: Mapping[str, str], key: str | None) -> Answer:
        """The answer to a request. Raises NoAnswer."""
        step, payment_id = _step_of(method, path, form)
        if step is None:
            return Refused(404, "invalid_request_error", "resource_missing").answer
        with self._lock:
            self._note_faults(step, payment_id, form)
            fault = self._next_fault(step, payment_id)
        request = _Request(step, payment_id, form, key, fault)
        match fault:
            case Fault.LOST:
                raise NoAnswer
            case Fault.LATE:
                with self._lock:
                    self._late.append(lambda: self._once(request))
                raise NoAnswer
            case Fault.UNANSWERED:
                self._once(request)
                raise NoAnswer
            case Fault.TWICE:
                self._once(request)
        return self._once(request)

    def _once(self, request: _Request) -> Answer:
        """Whatever a key was answered first, it is answered again: errors too."""
        key = request.key
        with self._lock:
            known = self._known.get(key) if key else None
            if known is not None:
                if known["asked"] != request.asked:
                    return Refused(400, "idempotency_error", "idempotency_key_reused").answer
                return known["status"], known["body"]
            status, body = self._carried_out(request)
            # As it is now: the payment itself goes on changing.
            body = json.loads(json.dumps(body))
            if key:
                self._known[key] = {"asked": request.asked, "status": status, "body": body}
            self._keep()
            return status, body

    def _carried_out(self, request: _Request) -> Answer:
        if request.fault is Fault.ERROR:
            return 500, {"error": {"type": "api_error"}}
        try:
            body = self._effect(request)
        except Refused as refused:
            return refused.answer
        if request.fault is Fault.ERROR_AFTER:
            return 500, {"error": {"type": "api_error"}}
        return 200, body

    def _effect(self, request: _Request) -> Body:
        step, payment_id = request.step, request.payment_id
        if step == "open":
            return self._open(request.form)
        if step == "refunds":
            data = [r for r in self._refunds if r["payment_intent"] == payment_id]
            return {"object": "list", "url": "/v1/refunds", "has_more": False, "data": data}
        intent = self._intents.get(payment_id)
        if intent is None:
            raise Refused(404, "invalid_request_error", "resource_missing")
        match step:
            case "authorise":
                _authorise(intent, request.form.get("payment_method", ""))
            case "capture":
                if request.fault is Fault.GONE and intent["status"] == "requires_capture":
                    intent |= {"status": "canceled", "amount_capturable": 0}
                _expect(intent, "requires_capture")
                taken = {"amount_received": intent["amount"], "amount_capturable": 0}
                intent |= {"status": "succeeded", **taken}
            case "cancel":
                _expect(intent, "requires_payment_method", "requires_capture")
                intent |= {"status": "canceled", "amount_capturable": 0}
            case "refund":
                return self._refund(intent, request.fault)
        return intent

    def _open(self, form: Mapping[str, str]) -> Body:
        amount = int(form.get("amount", "0"))
        if amount <= 0:
            raise Refused(400, "invalid_request_error", "parameter_invalid_integer")
        id_ = f"pi_{secrets.token_hex(12)}"
        metadata = {
            found[1]: value
            for name, value in form.items()
            if (found := re.fullmatch(r"metadata\[(\w+)\]", name))
        }
        self._intents[id_] = {
            "id": id_,
            "object": "payment_intent",
            "livemode": False,
            "metadata": metadata,
            "amount": amount,
            "currency": form["currency"],
            "amount_received": 0,
            "amount_capturable": 0,
            "capture_method": form.get("capture_method", "automatic"),
            "status": "requires_payment_method",
            "authorisations": 0,
        }
        return self._intents[id_]

    def _refund(self, intent: Body, fault: Fault | None) -> Body:
        _expect(intent, "succeeded")
        if self._given_back(intent["id"]) >= intent["amount_received"]:
            raise Refused(400, "invalid_request_error", "charge_already_refunded")
        refund = {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "payment_intent": intent["id"],
            "currency": intent["currency"],
            "amount": intent["amount_received"],
            "status": "failed" if fault is Fault.FAILED else "succeeded",
        }
        self._refunds.append(refund)
        return refund

    def _given_back(self, payment_id: str) -> int:
        return sum(
            refund["amount"]
            for refund in self._refunds
            if (refund["payment_intent"], refund["status"]) == (payment_id, "succeeded")
        )

    # --- what goes wrong

    def _note_faults(self, step: str, payment_id: str, form: Mapping[str, str]) -> None:
        """A method that lets a step fail says so when it is used first."""
        found = _FAULTY.fullmatch(form.get("payment_method", "")) if step == "authorise" else None
        intent = self._intents.get(payment_id)
        if found and intent and not intent.get("faults_noted"):
            intent["faults_noted"] = True
            fault = (found[1], payment_id, Fault(found[2]))
            self._faults += [fault] * int(found[3] or 1)

    def _next_fault(self, step: str, payment_id: str) -> Fault | None:
        for fault in self._faults:
            if fault[0] == step and fault[1] in {None, payment_id}:
                self._faults.remove(fault)
                return fault[2]
        return None

    def _keep(self) -> None:
        if self._file is None:
            return
        kept = {
            "intents": self._intents,
            "refunds": self._refunds,
            "known": self._known,
            "faults": self._faults,
        }
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(kept))
        new.replace(self._file)


def _authorise(intent: Body, method: str) -> None:
    _expect(intent, "requires_payment_method")
    if method in DECLINED:
        raise Refused(402, "card_error", DECLINED[method], message="Your card was declined.")
    if method not in GOOD and not _FAULTY.fullmatch(method):
        raise Refused(400, "invalid_request_error", "resource_missing", param="payment_method")
    intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    intent["authorisations"] += 1


def _expect(intent: Body, *statuses: str) -> None:
    if intent["status"] not in statuses:
        raise Refused(400, "invalid_request_error", _UNEXPECTED, payment_intent=dict(intent))


def _step_of(method: str, path: str, form: Mapping[str, str]) -> tuple[str | None, str]:
    """Which step of which payment a request is."""
    names = {"": "find", "confirm": "authorise", "capture": "capture", "cancel": "cancel"}
    if path == "/v1/refunds":
        return ("refund" if method == "POST" else "refunds"), form.get("payment_intent", "")
    if (method, path) == ("POST", "/v1/payment_intents"):
        return "open", ""
    found = re.fullmatch(r"/v1/payment_intents/(\w+)(?:/(\w+))?", path)
    if found and (found[2] is None) == (method == "GET"):
        return names.get(found[2] or ""), found[1]
    return None, ""
