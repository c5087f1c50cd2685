// Instants and calendars in any time zone, by the browser's own tables.

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The zone of a profile; "UTC" is what one has who never said. */
export const zoneOf = (profile) => (profile && profile.timeZone !== "UTC" ? profile.timeZone : ownZone());

const made = new Map();
function format(zone, options) {
  const name = `${zone} ${JSON.stringify(options)}`;
  if (!made.has(name)) made.set(name, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return made.get(name);
}

const wall = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
function parts(instant, zone) {
  return Object.fromEntries(format(zone, wall).formatToParts(instant).map((part) => [part.type, part.value]));
}

/** YYYY-MM-DD there. */
export function dateIn(instant, zone) {
  const { year, month, day } = parts(instant, zone);
  return `${year}-${month}-${day}`;
}

/** What the clock on the wall lacks to UTC, in milliseconds. */
function offset(instant, zone) {
  const { year, month, day, hour, minute, second } = parts(instant, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant.getTime() / 1000) * 1000;
}

/** The instant at which it is that date and time there; where clocks jump, the one after. */
export function instantOf(date, time, zone) {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  let found = wanted - offset(new Date(wanted), zone);
  found = wanted - offset(new Date(found), zone);
  return new Date(found);
}

export function addDays(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

export function mondayOf(date) {
  return addDays(date, -((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7));
}

export const timeText = (instant, zone) => format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(instant);

const long = { weekday: "long", day: "numeric", month: "long" };
export const dayText = (instant, zone) => format(zone, long).format(instant).replace(",", "");
export const dateText = (date) => dayText(new Date(`${date}T12:00:00Z`), "UTC");
export const shortDate = (date) => format("UTC", { day: "numeric", month: "short" }).format(new Date(`${date}T12:00:00Z`));
export const shortDay = (date) => format("UTC", { weekday: "short" }).format(new Date(`${date}T12:00:00Z`));

/** "Tuesday 1 December, 10:30 to 11:00" */
export function spanText(slot, zone) {
  const [start, end] = [new Date(slot.startTime), new Date(slot.endTime)];
  return `${dayText(start, zone)}, ${timeText(start, zone)} to ${timeText(end, zone)}`;
}

/** "Europe/Berlin" as people say it. */
export const zoneName = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

/** Whether clocks of both show the same then. */
export const agree = (one, other, instant) => offset(instant, one) === offset(instant, other);

/** mm:ss of so many seconds. */
export function clock(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${String(Math.floor(left / 60)).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
}
