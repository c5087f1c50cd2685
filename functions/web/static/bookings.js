// #/bookings : one's own appointments; cancelling, and moving them.
import { all, doctor as doctorOf, doOnce, myZone } from "./api.js";
import { announce, busy, button, dialog, field, fill, h } from "./dom.js";
import { badge, times, toCalendar } from "./booking.js";
import { bones, empty, told } from "./states.js";

export async function view(main, { signal }) {
  const place = h("div", { "aria-busy": "true" }, bones(2, "row"));
  fill(main, h("h1", {}, "My bookings"), place);
  const show = async () => {
    const [bookings, zone] = await Promise.all([all("/bookings", { limit: 100 }, { signal, most: 500 }), myZone()]);
    const ids = [...new Set(bookings.map((one) => one.doctorId))];
    const doctors = Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await doctorOf(id).catch(() => unknown(id))])));
    fill(place, bookings.length ? lists(bookings, doctors, zone, show) : empty("You have no bookings yet.", h("a", { class: "button primary", href: "#/" }, "Find a doctor")));
    place.removeAttribute("aria-busy");
  };
  await show();
}

const unknown = (id) => ({ id, name: "a doctor of the clinic", timeZone: "UTC" });

function lists(bookings, doctors, zone, show) {
  const is_ahead = (one) => one.status === "confirmed" && new Date(one.endTime) > new Date();
  const ahead = bookings.filter(is_ahead);
  const earlier = bookings.filter((one) => !is_ahead(one)).reverse();
  const list = (id, title, some, text) =>
    h("section", { "aria-labelledby": id }, h("h2", { id }, title),
      some.length ? h("ul", { class: "rows" }, some.map((one) => row(one, doctors[one.doctorId], { zone, is_ahead: is_ahead(one), show }))) : h("p", { class: "hint" }, text));
  return [list("ahead", "Coming up", ahead, "Nothing is coming up."), list("earlier", "Earlier", earlier, "Nothing yet.")];
}

function row(booking, doctor, { zone, is_ahead, show }) {
  const wrong = h("div");
  const about = h("span", { class: "unseen" }, ` with ${doctor.name}`);
  return h("li", { class: "row", data: { testid: "booking", bookingId: booking.id, status: booking.status } },
    h("div", {}, times(booking, doctor, zone), h("p", {}, `With ${doctor.name} `, badge(booking)), wrong),
    is_ahead && h("div", { class: "actions" },
      toCalendar(booking, wrong),
      h("a", { class: "button", href: `#/doctors/${doctor.id}?replaces=${booking.id}` }, "Choose another time", about),
      button("Cancel booking", () => cancel(booking, doctor, zone, show), { class: "danger" })));
}

export function cancel(booking, doctor, zone, show) {
  const reason = h("textarea", { rows: 2, maxlength: 500 });
  const wrong = h("div");
  const box = dialog("Cancel this booking?",
    times(booking, doctor, zone), h("p", {}, `With ${doctor.name}. The time becomes free for others.`),
    field("Reason (optional)", reason), wrong,
    h("p", { class: "actions" },
      button("Cancel booking", (event) => busy(event.currentTarget, async () => {
        try {
          const text = reason.value.trim();
          await doOnce(`cancel.${booking.id}`, "PATCH", `/bookings/${booking.id}/cancel`, { body: text ? { reason: text } : {}, etag: `"${booking.version}"` });
          box.close();
          await show();
          announce("The booking is cancelled.");
        } catch (problem) {
          const is_stale = ["precondition_failed", "version_conflict", "booking_not_confirmed"].includes(problem.code);
          if (is_stale) await show().catch(() => null);
          fill(wrong, is_stale ? told({ ...problem, errors: [], status: 409, message: "This booking was changed meanwhile. Close this and look again." }) : told(problem));
        }
      }), { class: "danger" }),
      button("Keep it", () => box.close())));
}
