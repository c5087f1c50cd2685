// #/hold/<attemptId> : a time that is held for a while, and the code that confirms it.
import { ask, doOnce, Problem } from "./api.js";
import { announce, busy, button, field, fill, h } from "./dom.js";
import { tooMany } from "./calendar.js";
import { keep, kept } from "./kept.js";
import { alert, told } from "./states.js";
import { agree, clock, spanText, zoneName } from "./time.js";

const spoken = [60, 30, 10];

export async function view(main, { id, signal }) {
  const hold = kept(`hold.${id}`);
  if (!hold) {
    return void fill(main, h("h1", {}, "Enter your code"),
      alert("hold-unknown", "This tab knows nothing of that hold. If it is yours, choose the same time again: it is still held for you.",
        h("p", {}, h("a", { class: "button primary", href: "#/" }, "To the doctors"))));
  }
  const page = { id, hold, signal, main, wrong: h("div"), tries: h("p", { class: "hint", data: { testid: "tries-left" } }) };
  const { slot, doctor } = hold;
  const mine = hold.zone;
  page.input = h("input", { id: "code", name: "code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 6, pattern: "[0-9]{6}", required: true,
    class: "code", value: kept(`typed.${id}`) || "" });
  page.input.addEventListener("input", () => {
    page.input.value = page.input.value.replace(/\D/g, "").slice(0, 6);
    keep(`typed.${id}`, page.input.value);
  });
  page.timer = h("span", { class: "timer", role: "timer", data: { testid: "countdown" } });
  page.left = h("progress", { max: 1, value: 1, "aria-hidden": "true" });
  page.sent = h("p", { class: "lead" });
  page.resend = button("Send a new code", (event) => busy(event.currentTarget, () => resend(page)), { disabled: true });
  const form = h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); busy(event.submitter, () => confirm(page)); } } },
    h("p", { class: "held" }, h("span", {}, "Held for you for "), page.timer), page.left,
    field("6-digit code", page.input), page.tries, page.wrong,
    h("p", { class: "actions" }, h("button", { class: "primary" }, "Confirm booking"), page.resend));
  page.form = form;
  fill(
    main,
    h("h1", {}, "Enter your code"),
    page.sent,
    h("section", { class: "summary", "aria-label": "Your appointment" },
      h("p", { class: "when" }, spanText(slot, mine), h("small", {}, `${zoneName(mine)} time`)),
      agree(mine, doctor.timeZone, new Date(slot.startTime)) ? null : h("p", { class: "hint" }, `At the clinic: ${spanText(slot, doctor.timeZone)} (${zoneName(doctor.timeZone)} time)`),
      h("p", {}, `With ${doctor.name}`),
      hold.replaces && h("p", { class: "note", data: { testid: "replacing" } }, "You keep your earlier booking until this one is confirmed.")),
    form,
    h("p", {}, button("Let this time go", (event) => busy(event.currentTarget, () => release(page)), { class: "quiet" })),
  );
  tellSent(page);
  tellTries(page);
  addEventListener("slotkeeper:code", (event) => {
    page.input.value = event.detail;
    keep(`typed.${id}`, event.detail);
    page.input.focus();
  }, { signal });
  if (hold.over) over(page, hold.over.words, hold.over.about);
  else run(page);
}

const now = (page) => Date.now() + page.hold.skew;

/** The code is known only for a while, and the time held only for a while: both are shown as they are. */
function run(page) {
  const { hold, signal } = page;
  const ends = Date.parse(hold.expiresAt);
  const began = Date.parse(hold.serverTime);
  let told_at = Infinity;
  const tick = () => {
    const seconds = (ends - now(page)) / 1000;
    page.timer.textContent = clock(seconds);
    page.left.value = Math.max(0, Math.min(1, (ends - now(page)) / (ends - began)));
    page.form.classList.toggle("urgent", seconds <= 30);
    const due = spoken.find((limit) => seconds <= limit && told_at > limit && seconds > limit - 5);
    if (due) {
      announce(`${due} seconds left`);
      told_at = due;
    }
    const wait = Math.ceil((Date.parse(hold.otp.resendAt) - now(page)) / 1000);
    page.resend.disabled = wait > 0;
    page.resend.textContent = wait > 0 ? `Send a new code (in ${wait} s)` : "Send a new code";
    if (seconds <= 0) {
      stop();
      over(page, "Your hold has run out, and the time is free again. Nothing was booked.");
    }
  };
  const timer = setInterval(tick, 250);
  const stop = () => clearInterval(timer);
  page.stop = stop;
  signal.addEventListener("abort", stop);
  tick();
}

function tellSent(page) {
  const { otp } = page.hold;
  page.sent.textContent = `We sent a code by ${otp.channel === "sms" ? "text message" : "email"} to ${otp.destination}.`;
}

function tellTries(page) {
  const left = page.hold.left ?? null;
  page.tries.textContent = left === null ? "" : `${left} ${left === 1 ? "try" : "tries"} left`;
}

function change(page, more) {
  Object.assign(page.hold, more);
  keep(`hold.${page.id}`, page.hold);
}

function forget(page) {
  page.stop?.();
  keep(`hold.${page.id}`, null);
  keep(`typed.${page.id}`, null);
}

async function confirm(page) {
  const code = page.input.value;
  if (!/^\d{6}$/.test(code)) {
    fill(page.wrong, alert("code-wrong", "Please type all six digits of the code."));
    return page.input.focus();
  }
  try {
    const booking = await doOnce(`verify.${page.id}.${code}`, "POST", `/bookings/${page.id}/verify-otp`, { body: { code } });
    const { replaces } = page.hold;
    forget(page);
    location.hash = `#/bookings/${booking.id}?just=${replaces ? "moved" : "booked"}`;
  } catch (problem) {
    if (page.signal.aborted) return;
    refused(page, problem);
  }
}

function refused(page, problem) {
  if (!(problem instanceof Problem)) throw problem;
  const needs_payment = problem.errors.some((one) => one.field === "paymentMethod");
  if (problem.code === "otp_invalid" && problem.attemptsRemaining !== 0) {
    change(page, { left: problem.attemptsRemaining });
    tellTries(page);
    fill(page.wrong, alert("code-wrong", "That is not the code we sent last. Please look again."));
    keep(`typed.${page.id}`, null);
    page.input.value = "";
    page.input.focus();
  } else if (problem.code === "otp_invalid" || problem.code === "otp_locked") {
    over(page, problem.code === "otp_locked" ? tooMany(problem) : "Too many wrong codes: this hold can no longer be confirmed. Nothing was booked.", "too-many-codes");
  } else if (["hold_expired", "not_found", "slot_unavailable"].includes(problem.code)) {
    over(page, "Your hold has run out, and the time is free again. Nothing was booked.");
  } else if (["booking_not_confirmed", "too_late"].includes(problem.code)) {
    over(page, "Your earlier booking can no longer be moved. It is as it was before.", "cannot-move");
  } else if (needs_payment || problem.code === "payment_declined") {
    fill(page.wrong, alert("needs-payment", "This doctor takes a fee, which cannot be paid on this page yet. Please call the clinic."));
  } else {
    fill(page.wrong, told(problem));
  }
}

async function resend(page) {
  try {
    const { otp } = await doOnce(`resend.${page.id}`, "POST", `/bookings/${page.id}/resend-otp`);
    change(page, { otp });
    tellSent(page);
    fill(page.wrong, h("p", { class: "note", role: "status" }, "A new code is on its way. The earlier one no longer works."));
    page.input.value = "";
    keep(`typed.${page.id}`, null);
    page.input.focus();
  } catch (problem) {
    if (page.signal.aborted) return;
    if (problem.code === "otp_locked") over(page, tooMany(problem), "too-many-codes");
    else if (problem.code === "hold_expired") refused(page, problem);
    else if (problem.code === "rate_limited") fill(page.wrong, alert("no-new-code", problem.message));
    else fill(page.wrong, told(problem));
  }
}

async function release(page) {
  try {
    await ask("DELETE", `/bookings/${page.id}/hold`);
  } catch (problem) {
    if (!["hold_expired", "not_found"].includes(problem.code)) return void fill(page.wrong, told(problem));
  }
  forget(page);
  announce("The time is free again.");
  location.hash = again(page);
}

const again = ({ hold }) => `#/doctors/${hold.doctor.id}${hold.replaces ? `?replaces=${hold.replaces}` : ""}`;

/** Kept: who reloads sees the same, not a code that can no longer be used. */
function over(page, words, about = "hold-expired") {
  page.stop?.();
  change(page, { over: { words, about } });
  page.form.remove();
  page.sent.remove();
  const left = page.main.querySelector("button.quiet");
  left?.parentElement.remove();
  page.main.append(alert(about, words, h("p", {}, h("a", { class: "button primary", href: again(page) }, "Choose another time"))));
  page.main.querySelector(".alert a").focus();
}
