// #/doctors/<id> : a doctor's free times, a week at a time, by one's own clock or the clinic's.
import { all, ask, doctor as doctorOf, doOnce, me } from "./api.js";
import { announce, busy, button, dialog, fill, h } from "./dom.js";
import { capital, initials } from "./doctors.js";
import { keep, kept } from "./kept.js";
import { alert, bones, empty, failed, told } from "./states.js";
import { addDays, agree, dateIn, dateText, dayText, instantOf, mondayOf, shortDate, shortDay, spanText, timeText, zoneName, zoneOf } from "./time.js";

const taken = "Somebody else just took this time. Nothing was booked for you.";
const days = [0, 1, 2, 3, 4, 5, 6];

export async function view(main, { id, query, signal }) {
  fill(main, h("h1", {}, "Free times"), bones(2));
  const replaces = query.get("replaces");
  const [doctor, profile, old] = await Promise.all([doctorOf(id), me(), replaces ? ask("GET", `/bookings/${replaces}`, { signal }) : null]);
  const mine = zoneOf(profile);
  const calendar = {
    doctor, profile, old, signal,
    zones: { mine, clinic: doctor.timeZone },
    zone: query.get("zone") === "clinic" ? "clinic" : "mine",
    week: null,
    slots: [],
    place: h("section", { class: "week" }),
    title: h("h2", { id: "week-title" }),
  };
  calendar.place.setAttribute("aria-labelledby", "week-title");
  const asked = query.get("week");
  calendar.week = mondayOf(/^\d{4}-\d\d-\d\d$/.test(asked || "") ? asked : dateIn(new Date(), zone(calendar)));
  fill(main, head(calendar), controls(calendar), calendar.place);
  await load(calendar);
  const slot = calendar.slots.find((one) => one.id === query.get("slot"));
  if (slot) choose(calendar, slot);
  else if (query.get("slot") && !calendar.place.querySelector("[role=alert]")) calendar.place.prepend(alert("slot-taken", taken));
  const look = () => document.visibilityState === "visible" && !document.querySelector("dialog") && load(calendar, { is_quiet: true });
  document.addEventListener("visibilitychange", look, { signal });
}

const zone = (calendar) => calendar.zones[calendar.zone];

/** The address says what is seen, so that a reload or a link shows the same. */
function note(calendar, slot = null) {
  const query = new URLSearchParams({ week: calendar.week, zone: calendar.zone });
  if (calendar.old) query.set("replaces", calendar.old.id);
  if (slot) query.set("slot", slot.id);
  history.replaceState(null, "", `#/doctors/${calendar.doctor.id}?${query}`);
}

function head({ doctor, old, zones }) {
  return [
    h("p", { class: "back" }, old ? h("a", { href: "#/bookings" }, "Back to my bookings") : h("a", { href: "#/" }, "All doctors")),
    h("div", { class: "doctor heading" },
      h("span", { class: "face", "aria-hidden": "true" }, initials(doctor.name)),
      h("div", {}, h("h1", {}, doctor.name), h("p", { class: "lead" }, capital(doctor.specialty)))),
    old && h("p", { class: "note", data: { testid: "replacing" } },
      `You keep your booking on ${spanText(old, zones.mine)} until the new one is confirmed.`),
  ];
}

function controls(calendar) {
  const now = new Date();
  const radio = (name, text) => {
    const input = h("input", { type: "radio", name: "zone", value: name, checked: calendar.zone === name,
      on: { change: () => { calendar.zone = name; calendar.week = mondayOf(calendar.week); load(calendar); } } });
    return h("label", { class: "choice" }, input, h("span", {}, `${text} (${zoneName(calendar.zones[name])})`));
  };
  const is_same = calendar.zones.mine === calendar.zones.clinic || agree(calendar.zones.mine, calendar.zones.clinic, now);
  const move = (by) => () => { calendar.week = addDays(calendar.week, by); load(calendar); };
  return h("div", { class: "controls" },
    h("fieldset", { class: "zones" }, h("legend", {}, "Times are shown in"), radio("mine", "Your time"), radio("clinic", "Clinic time"),
      is_same ? h("p", { class: "hint" }, "Both are the same now.") : null),
    h("div", { class: "pager" }, button("Earlier week", move(-7), { id: "earlier" }), calendar.title, button("Later week", move(7))));
}

async function load(calendar, { is_quiet = false } = {}) {
  const { doctor, signal, place, week } = calendar;
  const [from, to] = [0, 7].map((later) => instantOf(addDays(week, later), "00:00", zone(calendar)));
  note(calendar);
  calendar.title.textContent = `Week of ${shortDate(week)} to ${shortDate(addDays(week, 6))}`;
  document.getElementById("earlier").disabled = from <= new Date();
  if (!is_quiet) {
    place.setAttribute("aria-busy", "true");
    fill(place, h("div", { class: "days", "aria-hidden": "true" }, days.map(() => h("div", { class: "day bone tall" }))));
  }
  calendar.turn = {};
  const { turn } = calendar;
  try {
    const found = await all(`/doctors/${doctor.id}/slots`, { from: from.toISOString(), to: to.toISOString(), limit: 100 }, { signal });
    if (turn !== calendar.turn) return;
    calendar.slots = found.filter((slot) => new Date(slot.startTime) > new Date());
    fill(place, calendar.slots.length ? grid(calendar) : nothing(calendar, to));
    if (!is_quiet) announce(`${calendar.title.textContent}: ${calendar.slots.length} free times`);
  } catch (problem) {
    if (signal.aborted || turn !== calendar.turn || is_quiet) return;
    fill(place, failed(problem, () => load(calendar)));
  }
  place.removeAttribute("aria-busy");
}

function grid(calendar) {
  const shown = zone(calendar);
  const other = calendar.zones[calendar.zone === "mine" ? "clinic" : "mine"];
  return h("div", { class: "days" }, days.map((number) => {
    const date = addDays(calendar.week, number);
    const slots = calendar.slots.filter((slot) => dateIn(new Date(slot.startTime), shown) === date);
    const heading = h("h3", { id: `day-${number}`, "aria-label": dateText(date) }, h("span", {}, shortDay(date)), ` ${shortDate(date)}`);
    return h("section", { class: "day", "aria-labelledby": heading.id }, heading,
      slots.length ? h("ul", { class: "times" }, slots.map((slot) => h("li", {}, time(calendar, slot, shown, other)))) : h("p", { class: "hint" }, "No free times"));
  }));
}

function time(calendar, slot, shown, other) {
  const start = new Date(slot.startTime);
  const is_same = agree(shown, other, start);
  const where = calendar.zone === "mine" ? "at the clinic" : "your time";
  return h("button", {
    type: "button",
    class: "time",
    data: { testid: "slot", slotId: slot.id },
    on: { click: () => choose(calendar, slot) },
  }, h("span", {},
    h("span", { class: "unseen" }, `${dayText(start, shown)}, `), timeText(start, shown),
    h("span", { class: "unseen" }, ` to ${timeText(new Date(slot.endTime), shown)}${is_same ? "" : ", "}`),
    is_same ? null : [h("small", {}, timeText(start, other)), h("span", { class: "unseen" }, ` ${where}`)]));
}

function nothing(calendar, after) {
  return empty("No free times this week.", button("Go to the next free time", async (event) => {
    await busy(event.currentTarget, async () => {
      const page = await ask("GET", `/doctors/${calendar.doctor.id}/slots`, { query: { from: after.toISOString(), limit: 1 }, signal: calendar.signal });
      if (!page.items.length) return void fill(calendar.place, empty("This doctor has no free times ahead. Please try another doctor."));
      calendar.week = mondayOf(dateIn(new Date(page.items[0].startTime), zone(calendar)));
      await load(calendar);
    }).catch((problem) => fill(calendar.place, failed(problem, () => load(calendar))));
  }));
}

// --- holding one

function choose(calendar, slot) {
  const { doctor, profile, old, zones } = calendar;
  note(calendar, slot);
  const start = new Date(slot.startTime);
  const ways = [
    profile.phone && ["sms", "Text message (SMS)", `to ${hidden(profile.phone)}`],
    profile.email && ["email", "Email", `to ${profile.email}`],
  ].filter(Boolean);
  const wanted = kept("channel") || profile.preferredChannel || "sms";
  const first = ways.find(([name]) => name === wanted) || ways[0];
  const channels = ways.map(([name, text, to]) =>
    h("label", { class: "choice" },
      h("input", { type: "radio", name: "channel", value: name, checked: name === first[0], on: { change: () => keep("channel", name) } }),
      h("span", {}, text, h("small", { class: "hint" }, to))));
  const wrong = h("div");
  const hold = button("Hold this time", (event) => busy(event.currentTarget, take), { class: "primary" });
  const box = dialog(
    "Book this time?",
    h("p", { class: "when" }, spanText(slot, zones.mine), h("small", {}, `${zoneName(zones.mine)} time`)),
    agree(zones.mine, zones.clinic, start) ? null : h("p", { class: "hint" }, `At the clinic: ${spanText(slot, zones.clinic)} (${zoneName(zones.clinic)} time)`),
    h("p", {}, `With ${doctor.name}`, doctor.consultationFee ? ", who takes a fee" : ""),
    old && h("p", { class: "note" }, `It replaces your booking on ${spanText(old, zones.mine)}.`),
    ways.length
      ? h("fieldset", {}, h("legend", {}, "How shall we send your code?"), channels)
      : h("p", { class: "note" }, "We need a phone number or an email address to send your code to: ", h("a", { href: "#/me" }, "your details")),
    wrong,
    h("p", { class: "actions" }, ways.length ? hold : null, button("Back", () => box.close())),
  );
  box.addEventListener("close", () => {
    if (!location.hash.includes("slot=")) return;
    note(calendar);
    calendar.place.querySelector(`[data-slot-id="${slot.id}"]`)?.focus();
  });
  calendar.signal.addEventListener("abort", () => box.close());

  async function take() {
    const channel = box.querySelector("input[name=channel]:checked").value;
    const body = { slotId: slot.id, channel, ...(old ? { replaces: old.id } : {}) };
    try {
      const held = await doOnce(`hold.${slot.id}.${channel}.${old?.id || ""}`, "POST", "/bookings", { body });
      keep(`hold.${held.attemptId}`, {
        ...held,
        skew: Date.parse(held.serverTime) - Date.now(),
        slot,
        doctor: { id: doctor.id, name: doctor.name, timeZone: doctor.timeZone, consultationFee: doctor.consultationFee },
        replaces: old?.id || null,
        zone: zones.mine,
      });
      location.hash = `#/hold/${held.attemptId}`;
    } catch (problem) {
      refused(problem);
    }
  }

  function refused(problem) {
    if (["slot_held", "slot_unavailable", "slot_in_past"].includes(problem.code)) {
      const words = problem.code === "slot_in_past" ? "This time has already begun." : taken;
      hold.remove();
      fill(wrong, alert("slot-taken", words, h("p", {}, button("Choose another time", () => box.close(), { class: "primary" }))));
      box.addEventListener("close", () => load(calendar, { is_quiet: true }));
    } else if (problem.code === "too_many_holds") {
      fill(wrong, alert("too-many-holds", "You are holding as many times as you may at once. Confirm one, or let one go.", held()));
    } else if (problem.code === "otp_locked") {
      fill(wrong, alert("too-many-codes", tooMany(problem)));
    } else {
      fill(wrong, told(problem));
    }
  }
}

const held = () => h("ul", {}, Object.keys(sessionStorage)
  .filter((name) => name.startsWith("slotkeeper.hold."))
  .map((name) => kept(name.slice("slotkeeper.".length)))
  .filter((one) => one && Date.parse(one.expiresAt) > Date.now() + one.skew)
  .map((one) => h("li", {}, h("a", { href: `#/hold/${one.attemptId}` }, `${one.doctor.name}, ${spanText(one.slot, one.doctor.timeZone)}`))));

export const hidden = (number) => number.slice(0, 2) + "•".repeat(Math.max(0, number.length - 4)) + number.slice(-2);

export function tooMany(problem) {
  const minutes = Math.ceil((problem.retryAfter || 60) / 60);
  return `Too many wrong codes. For your safety, no code is taken for ${minutes === 1 ? "a minute" : `${minutes} minutes`}.`;
}
