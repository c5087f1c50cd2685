"""What the saga relies on of a payment provider: the fake and Stripe's library alike keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from msgspec.structs import replace

from local.payment_simulator import Simulator, running
from local.simulated_payments import Fault, SimulatedPayments
from slotkeeper.adapters.payment.stripe import StripePayments
from slotkeeper.domain.errors import BrokenInvariant, PaymentDeclined, Unavailable
from slotkeeper.domain.payment import PaymentStatus, Price, Saga, SagaState
from slotkeeper.ports.payments import PaymentProvider
from tests.support.fakes import ALICE, ATTEMPT, DOCTOR, NOW, SLOT, FakeProvider

VISA = "pm_card_visa"
PRICE = Price(amount=4_200, currency="eur")
SAGA = Saga(
    id=ATTEMPT,
    slot_id=SLOT,
    doctor_id=DOCTOR,
    user_id=ALICE,
    booking_id="bk_1",
    price=PRICE,
    state=SagaState.AUTHORISING,
    payment_id=None,
    try_=1,
    version=1,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(SimulatedPayments()) as server:
        yield server


@pytest.fixture
def stripe(simulator: Simulator) -> StripePayments:
    return StripePayments(lambda: "sk_test_contract", simulator.url)


@pytest.fixture(params=["fake", "stripe"])
def provider(request: pytest.FixtureRequest) -> PaymentProvider:
    if request.param == "fake":
        fake = FakeProvider()
        fake.declined = {"pm_card_chargeDeclined"}
        return fake
    made: PaymentProvider = request.getfixturevalue("stripe")
    return made


def _authorised(provider: PaymentProvider) -> str:
    payment_id = provider.open(SAGA)
    provider.authorise(payment_id, method=VISA, key=SAGA.key("authorise"))
    return payment_id


def test_a_new_payment_reserves_nothing(provider: PaymentProvider) -> None:
    payment = provider.find(provider.open(SAGA))

    assert (payment.status, payment.price) == (PaymentStatus.OPEN, PRICE)


def test_an_authorised_payment_is_reserved_then_taken(provider: PaymentProvider) -> None:
    payment_id = provider.open(SAGA)

    authorised = provider.authorise(payment_id, method=VISA, key="k")
    captured = provider.capture(payment_id)

    assert (authorised.status, authorised.price) == (PaymentStatus.AUTHORISED, PRICE)
    assert captured.status is PaymentStatus.CAPTURED
    assert provider.find(payment_id) == captured


def test_a_capture_asked_for_again_takes_nothing_more(provider: PaymentProvider) -> None:
    payment_id = _authorised(provider)

    statuses = [provider.capture(payment_id).status for _ in range(3)]

    assert statuses == [PaymentStatus.CAPTURED] * 3


def test_a_decline_reserves_nothing(provider: PaymentProvider) -> None:
    payment_id = provider.open(SAGA)

    with pytest.raises(PaymentDeclined):
        provider.authorise(payment_id, method="pm_card_chargeDeclined", key="k")

    assert provider.find(payment_id).status is PaymentStatus.OPEN


@pytest.mark.parametrize("is_authorised", [False, True])
def test_a_cancelled_payment_can_never_be_reserved_or_taken(
    provider: PaymentProvider, is_authorised: bool
) -> None:
    payment_id = _authorised(provider) if is_authorised else provider.open(SAGA)

    statuses = [provider.cancel(payment_id).status for _ in range(2)]

    assert statuses == [PaymentStatus.CANCELLED] * 2
    with pytest.raises(PaymentDeclined):
        provider.authorise(payment_id, method=VISA, key="another")
    assert provider.capture(payment_id).status is PaymentStatus.CANCELLED


def test_a_captured_payment_is_not_cancelled_but_refunded(provider: PaymentProvider) -> None:
    payment_id = _authorised(provider)
    provider.capture(payment_id)

    assert provider.cancel(payment_id).status is PaymentStatus.CAPTURED
    for _ in range(3):
        provider.refund(payment_id)


# --- the library and the wire ---------------------------------------------------------------------


def test_a_refund_asked_for_again_is_one_refund(
    stripe: StripePayments, simulator: Simulator
) -> None:
    payment_id = _authorised(stripe)
    stripe.capture(payment_id)

    for _ in range(3):
        stripe.refund(payment_id)

    assert simulator.payments.payments()[0]["refunded"] == PRICE.amount


CALLS: dict[str, Callable[[StripePayments, str], object]] = {
    "open": lambda stripe, _: stripe.open(SAGA),
    "authorise": lambda stripe, id_: stripe.authorise(id_, method=VISA, key="k"),
    "find": lambda stripe, id_: stripe.find(id_),
    "capture": lambda stripe, id_: stripe.capture(id_),
    "cancel": lambda stripe, id_: stripe.cancel(id_),
    "refund": lambda stripe, id_: stripe.refund(id_),
    "refunds": lambda stripe, id_: stripe.refund(id_),
}


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.ERROR, Fault.ERROR_AFTER])
@pytest.mark.parametrize("step", CALLS)
def test_what_is_not_answered_is_not_known_and_not_asked_again(
    stripe: StripePayments, simulator: Simulator, step: str, fault: Fault
) -> None:
    payment_id = stripe.open(replace(SAGA, try_=9))
    if step in {"capture", "refund", "refunds"}:
        stripe.authorise(payment_id, method=VISA, key="first")
    if step.startswith("refund"):
        stripe.capture(payment_id)
    simulator.payments.fail(step, fault, times=3)

    with pytest.raises(Unavailable):
        CALLS[step](stripe, payment_id)

    assert simulator.payments.faults_left == 2  # there was one request


def test_a_bad_api_key_is_no_decline(simulator: Simulator) -> None:
    nobody = StripePayments(lambda: " ", simulator.url)

    with pytest.raises(Unavailable):
        nobody.open(SAGA)


def test_a_provider_that_is_not_there_is_unavailable() -> None:
    with running(SimulatedPayments()) as gone:
        url = gone.url
    stripe = StripePayments(lambda: "sk_test_contract", url)

    with pytest.raises(Unavailable):
        stripe.find("pi_1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the library calls it
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  # what a client makes of it that follows

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        stripe = StripePayments(
            lambda: "sk_test_contract", f"http://127.0.0.1:{server.server_port}"
        )
        with pytest.raises(Unavailable):
            stripe.open(SAGA)
        server.shutdown()
        thread.join()

    assert asked == ["/v1/payment_intents"]


def test_a_payment_that_is_none_of_ours_is_told_apart(stripe: StripePayments) -> None:
    with pytest.raises(BrokenInvariant):
        stripe.find("pi_unknown")


def test_a_key_used_for_another_request_is_told_apart(stripe: StripePayments) -> None:
    stripe.open(SAGA)

    with pytest.raises(BrokenInvariant):
        stripe.open(replace(SAGA, price=replace(PRICE, amount=1)))


def test_a_payment_is_opened_once_for_each_try(
    stripe: StripePayments, simulator: Simulator
) -> None:
    ids = {stripe.open(SAGA), stripe.open(SAGA), stripe.open(replace(SAGA, try_=2))}

    assert len(ids) == len(simulator.payments.payments()) == 2


def test_a_repeated_error_is_answered_again_for_its_key(
    stripe: StripePayments, simulator: Simulator
) -> None:
    simulator.payments.fail("open", Fault.ERROR)

    for _ in range(2):
        with pytest.raises(Unavailable):
            stripe.open(SAGA)

    assert stripe.open(replace(SAGA, try_=2))
