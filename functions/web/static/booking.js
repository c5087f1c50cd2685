// #/bookings/<id> : one appointment; right after it was booked, its confirmation.
import { ask, doctor as doctorOf, myZone } from "./api.js";
import { busy, button, fill, h } from "./dom.js";
import { bones, told } from "./states.js";
import { agree, spanText, zoneName } from "./time.js";

const titles = { booked: "Your appointment is booked", moved: "Your appointment was moved" };

export async function view(main, { id, query, signal }) {
  fill(main, h("h1", {}, "Your appointment"), bones(1));
  const booking = await ask("GET", `/bookings/${id}`, { signal });
  const [doctor, zone] = await Promise.all([doctorOf(booking.doctorId), myZone()]);
  const just = booking.status === "confirmed" ? titles[query.get("just")] : null;
  const wrong = h("div");
  fill(
    main,
    just ? h("p", { class: "tick", "aria-hidden": "true" }, "✓") : null,
    h("h1", just ? { data: { testid: "confirmed" } } : {}, just || "Your appointment"),
    just ? h("p", { class: "lead" }, "We are sending you a confirmation.") : null,
    h("section", { class: "summary", "aria-label": "Your appointment" }, times(booking, doctor, zone), h("p", {}, `With ${doctor.name}`),
      h("p", { class: "hint" }, `Booking ${booking.id}`), just ? null : badge(booking)),
    wrong,
    h("p", { class: "actions" },
      booking.status === "confirmed" ? toCalendar(booking, wrong) : null,
      h("a", { class: "button", href: "#/bookings" }, "My bookings"),
      h("a", { class: "button", href: "#/" }, "Book another")),
  );
}

export function times(booking, doctor, mine) {
  return [
    h("p", { class: "when" }, spanText(booking, mine), h("small", {}, `${zoneName(mine)} time`)),
    agree(mine, doctor.timeZone, new Date(booking.startTime)) ? null : h("p", { class: "hint" }, `At the clinic: ${spanText(booking, doctor.timeZone)} (${zoneName(doctor.timeZone)} time)`),
  ];
}

const words = { confirmed: "Confirmed", cancelled: "Cancelled", rescheduled: "Moved", completed: "Over", no_show: "Missed" };
export const badge = ({ status }) => h("span", { class: `badge ${status}` }, words[status] || status);

export function toCalendar(booking, wrong) {
  return button("Add to calendar", (event) => busy(event.currentTarget, async () => {
    try {
      const text = await ask("GET", `/bookings/${booking.id}/calendar.ics`);
      const url = URL.createObjectURL(new Blob([text], { type: "text/calendar" }));
      h("a", { href: url, download: "appointment.ics" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (problem) {
      fill(wrong, told(problem));
    }
  }));
}
