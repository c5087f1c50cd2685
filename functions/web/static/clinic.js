// #/clinic : a doctor's day for staff, with what they may do about it.
import { all, ask, doOnce } from "./api.js";
import { announce, busy, button, field, fill, h } from "./dom.js";
import { badge } from "./booking.js";
import { cancel } from "./bookings.js";
import { keep, kept } from "./kept.js";
import { bones, empty, failed, told } from "./states.js";
import { addDays, dateIn, dateText, instantOf, spanText, timeText, zoneName } from "./time.js";

const week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export async function view(main, { query, signal }) {
  fill(main, h("h1", {}, "Clinic day"), bones(2, "row"));
  const doctors = await all("/doctors", { limit: 100 }, { signal });
  if (!doctors.length) return void fill(main, h("h1", {}, "Clinic day"), empty("This clinic has no doctors yet. Doctors are added by the API (POST /doctors)."));
  const first = doctors.find((one) => one.id === query.get("doctor")) || doctors[0];
  const day = { doctors, doctor: first, signal, date: query.get("date") || kept("clinic.date") || dateIn(new Date(), first.timeZone), place: h("div") };
  const select = h("select", { on: { change: () => { day.doctor = doctors.find((one) => one.id === select.value); render(day); } } },
    doctors.map((one) => h("option", { value: one.id }, `${one.name}, ${one.specialty}`)));
  select.value = first.id;
  day.forms = h("div", { class: "two" }, blockForm(day), scheduleForm(day));
  day.input = h("input", { type: "date", required: true, on: { change: () => day.input.value && go(day, day.input.value) } });
  fill(
    main,
    h("h1", {}, "Clinic day"),
    h("div", { class: "controls" },
      field("Doctor", select),
      h("div", { class: "pager" }, button("Previous day", () => go(day, addDays(day.date, -1))), field("Day", day.input), button("Next day", () => go(day, addDays(day.date, 1))))),
    day.place,
    day.forms,
  );
  await render(day);
}

function go(day, date) {
  day.date = date;
  return render(day);
}

async function render(day, { is_quiet = false } = {}) {
  const { doctor, date, place, signal } = day;
  day.input.value = date;
  // The forms are about the day one looks at, unless they say another already.
  if (!kept("form.block")) for (const name of ["first", "last"]) day.forms.querySelector(`[name=${name}]`).value = date;
  keep("clinic.date", date);
  history.replaceState(null, "", `#/clinic?doctor=${doctor.id}&date=${date}`);
  if (!is_quiet) {
    place.setAttribute("aria-busy", "true");
    fill(place, bones(4, "row"));
  }
  day.turn = {};
  const { turn } = day;
  const span = { from: instantOf(date, "00:00", doctor.timeZone).toISOString(), to: instantOf(addDays(date, 1), "00:00", doctor.timeZone).toISOString(), limit: 100 };
  try {
    const [free, bookings] = await Promise.all([all(`/doctors/${doctor.id}/slots`, span, { signal }), all("/bookings", span, { signal })]);
    if (turn !== day.turn) return;
    const rows = [
      ...free.map((slot) => ({ start: slot.startTime, slot })),
      ...bookings.filter((one) => one.doctorId === doctor.id).map((booking) => ({ start: booking.startTime, booking })),
    ].sort((one, other) => one.start.localeCompare(other.start));
    fill(place, rows.length ? table(day, rows) : empty(`Nothing on ${dateText(date)}: no free times, no bookings.`));
    if (!is_quiet) announce(`${dateText(date)}: ${bookings.length} bookings, ${free.length} free times`);
  } catch (problem) {
    if (signal.aborted || turn !== day.turn) return;
    fill(place, failed(problem, () => render(day)));
  }
  place.removeAttribute("aria-busy");
}

function table(day, rows) {
  const { doctor } = day;
  return h("div", { class: "table", tabindex: 0, role: "group", "aria-label": "Slots and bookings, scrolls sideways" },
    h("table", {},
      h("caption", {}, h("strong", {}, `Slots and bookings`), ` ${dateText(day.date)}, ${zoneName(doctor.timeZone)} time`),
      h("thead", {}, h("tr", {}, ["Time", "State", "What to do"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.map((row) => (row.booking ? bookingRow(day, row.booking) : slotRow(day, row.slot))))));
}

const time = (one, zone) => `${timeText(new Date(one.startTime), zone)} – ${timeText(new Date(one.endTime), zone)}`;

function bookingRow(day, booking) {
  const { doctor } = day;
  const is_ahead = booking.status === "confirmed" && new Date(booking.startTime) > new Date();
  return h("tr", { data: { testid: "clinic-row", status: booking.status === "confirmed" ? "booked" : booking.status, bookingId: booking.id } },
    h("th", { scope: "row" }, time(booking, doctor.timeZone)), h("td", {}, badge(booking), h("code", {}, `patient ${booking.userId.slice(0, 8)}`)),
    h("td", {}, is_ahead ? button("Cancel booking", () => cancel(booking, doctor, doctor.timeZone, () => render(day, { is_quiet: true })), { class: "danger small" }) : null));
}

function slotRow(day, slot) {
  const row = h("tr", { data: { testid: "clinic-row", status: "free", slotId: slot.id } });
  const set = (status) => (event) => busy(event.currentTarget, async () => {
    try {
      await doOnce(`slot.${slot.id}.${status}`, "PATCH", `/slots/${slot.id}`, { body: { status } });
      announce(status === "blocked" ? "Blocked." : "Free again.");
      draw(status);
    } catch (problem) {
      fill(wrong, told(problem));
    }
  });
  const wrong = h("div");
  // What is blocked is listed no more: it stays in sight here until one looks again.
  const draw = (status) => {
    row.dataset.status = status === "blocked" ? "blocked" : "free";
    fill(row,
      h("th", { scope: "row" }, time(slot, day.doctor.timeZone)),
      h("td", {}, h("span", { class: `badge ${status}` }, status === "blocked" ? "Blocked" : "Free")),
      h("td", {}, status === "blocked" ? button("Free it again", set("active"), { class: "small" }) : button("Block", set("blocked"), { class: "small" }), wrong));
  };
  draw("active");
  return row;
}

// --- forms; what was typed is kept until it was sent

function form(name, summary, button_text, send, ...children) {
  const said = h("div");
  const made = h("form", {}, children, said, h("p", { class: "actions" }, h("button", { class: "primary" }, button_text)));
  const typed = kept(`form.${name}`) || {};
  for (const control of made.elements) {
    if (!control.name) continue;
    const value = typed[control.name];
    if (value !== undefined && control.type === "checkbox") control.checked = value;
    else if (value !== undefined) control.value = value;
  }
  made.addEventListener("input", () => {
    const values = [...made.elements].filter((control) => control.name).map((control) => [control.name, control.type === "checkbox" ? control.checked : control.value]);
    keep(`form.${name}`, Object.fromEntries(values));
  });
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, async () => {
      try {
        fill(said, await send(made.elements));
        keep(`form.${name}`, null);
      } catch (problem) {
        fill(said, told(problem));
      }
    });
  });
  return h("details", { class: "card", open: Object.keys(typed).length > 0 }, h("summary", {}, summary), made);
}

const input = (name, type, value, more = {}) => h("input", { name, type, value, required: true, ...more });
const done = (about, text, ...more) => h("div", { class: "note", role: "status", data: { testid: about } }, h("p", {}, text), more);

function blockForm(day) {
  const what = h("select", { name: "status" }, [["blocked", "Block: nobody can book it"], ["active", "Free it again"], ["removed", "Remove it from the calendar"]].map(([value, text]) => h("option", { value }, text)));
  return form("block", "Block time", "Change time", async (given) => {
    const zone = day.doctor.timeZone;
    const body = {
      from: instantOf(given.first.value, given.start.value, zone).toISOString(),
      to: instantOf(given.last.value, given.end.value, zone).toISOString(),
      status: given.status.value,
    };
    const { changed, kept: stay } = await doOnce(`block.${day.doctor.id}.${Object.values(body)}`, "PATCH", `/doctors/${day.doctor.id}/slots`, { body });
    await render(day, { is_quiet: true });
    return done("block-done", `${changed} ${changed === 1 ? "slot" : "slots"} changed.`,
      stay.length ? h("p", {}, "These stay, for they are booked or held:") : null,
      stay.length ? h("ul", {}, stay.map((one) => h("li", {}, spanText(one, zone)))) : null);
  },
  h("p", { class: "hint" }, "By the clock of the doctor's clinic. What is booked or held stays as it is."),
  h("div", { class: "pair" }, field("From day", input("first", "date", day.date)), field("From time", input("start", "time", "09:00"))),
  h("div", { class: "pair" }, field("To day", input("last", "date", day.date)), field("To time", input("end", "time", "12:00"))),
  field("What becomes of it", what));
}

function scheduleForm(day) {
  const start = addDays(day.date, 1);
  const boxes = week.map((name, number) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: `day-${number + 1}`, checked: number < 5 }), h("span", {}, name)));
  return form("schedule", "Create a schedule", "Create slots", async (given) => {
    const days = [1, 2, 3, 4, 5, 6, 7].filter((number) => given[`day-${number}`].checked);
    const pause = given.pause_start.value && given.pause_end.value;
    const body = {
      weekly: days.map((number) => ({ day: number, start: given.open.value, end: given.close.value })),
      slotMinutes: Number(given.minutes.value),
      from: given.from.value,
      to: given.to.value,
      ...(pause ? { breaks: [{ start: given.pause_start.value, end: given.pause_end.value }] } : {}),
      ...(given.holidays.value.trim() ? { holidays: given.holidays.value.trim().split(/[\s,]+/) } : {}),
    };
    const { created, skipped } = await doOnce(`schedule.${day.doctor.id}.${JSON.stringify(body)}`, "POST", `/doctors/${day.doctor.id}/schedules`, { body });
    await render(day, { is_quiet: true });
    return done("schedule-done", `${created} ${created === 1 ? "slot" : "slots"} created, ${skipped} skipped: they were there, or overlap what is.`);
  },
  h("p", { class: "hint" }, "Weekly hours become slots, by the clock of the doctor's clinic."),
  h("fieldset", {}, h("legend", {}, "On these days"), h("div", { class: "choices" }, boxes)),
  h("div", { class: "pair" }, field("Opens", input("open", "time", "09:00")), field("Closes", input("close", "time", "17:00"))),
  h("div", { class: "pair" }, field("Break from (optional)", input("pause_start", "time", "", { required: false })), field("Break to (optional)", input("pause_end", "time", "", { required: false }))),
  h("div", { class: "pair" }, field("First day", input("from", "date", start)), field("Last day", input("to", "date", addDays(start, 27)))),
  h("div", { class: "pair" }, field("Minutes a slot", input("minutes", "number", "30", { min: 5, max: 480 })), field("Holidays (optional)", input("holidays", "text", "", { required: false }), "Like 2027-01-01, 2027-01-06")));
}
