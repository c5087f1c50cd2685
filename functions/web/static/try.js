// "Try it": a request of one operation, filled in with what is there now, and its answer.
import { ask, base, me, newKey } from "./api.js";
import { busy, button, field, fill, h } from "./dom.js";
import { keep, kept } from "./kept.js";
import { session } from "./session.js";

/** Things that exist: found by asking, or made by the calls tried before. */
export const living = kept("living") || {};

export const token = () => document.getElementById("token")?.value.trim() || "";

const learns = {
  get_doctors: (value) => ({ doctorId: value.items[0]?.id }),
  get_slots: (value) => ({ slotId: value.items[0]?.id }),
  hold: (value) => ({ attemptId: value.attemptId, slotId: value.slotId }),
  verify: (value) => ({ bookingId: value.id }),
  get_bookings: (value) => ({ bookingId: value.items.find((one) => one.status === "confirmed")?.id }),
  post_doctor: (value) => ({ doctorId: value.id }),
};

function learn(more) {
  for (const [name, value] of Object.entries(more)) if (value) living[name] = value;
  keep("living", living);
  dispatchEvent(new Event("slotkeeper:living"));
}

let looking = Promise.resolve();

/** Look for a doctor, a free slot and a booking, so that examples are of what is there. */
export function look() {
  looking = find().catch(() => null); // without, they are of what is always there
  return looking;
}

async function find() {
  if (!session()) return;
  const { items: [doctor] } = await ask("GET", "/doctors", { query: { limit: 1 } });
  if (!doctor) return;
  const [slots, bookings, profile] = await Promise.all([
    ask("GET", `/doctors/${doctor.id}/slots`, { query: { limit: 1 } }),
    ask("GET", "/bookings", { query: { status: "confirmed", limit: 1 } }),
    me(),
  ]);
  learn({ doctorId: doctor.id, specialty: doctor.specialty, slotId: slots.items[0]?.id, bookingId: bookings.items[0]?.id, profile });
}

function idFor(path) {
  if (path.startsWith("/doctors/")) return living.doctorId || "dr-amara-okafor";
  if (path.startsWith("/slots/")) return living.slotId || "";
  return (/\/(hold|[a-z]+-otp)$/.test(path) ? living.attemptId : living.bookingId) || "";
}

function bodyFor(operation, read) {
  const schema = operation.requestBody?.content["application/json"].schema;
  if (!schema) return null;
  const made = read.example(schema);
  // Of what there is rather than of what could be: nothing is changed by sending it as it stands.
  if (operation.operationId === "hold") return { slotId: living.slotId || "" };
  if (operation.operationId === "patch_doctor" && living.specialty) return { specialty: living.specialty };
  if (operation.operationId === "put_me" && living.profile) return Object.fromEntries(Object.keys(made).map((name) => [name, living.profile[name] ?? null]));
  return made;
}

/** The form; what was typed over an example stays. */
export function form(method, path, operation, read) {
  const text = () => { const body = bodyFor(operation, read); return body === null ? null : JSON.stringify(body, null, 2); };
  const inputs = (operation.parameters || []).map((given) => {
    const input = h("input", { autocomplete: "off", spellcheck: "false", "aria-required": given.required ? "true" : null });
    input.value = given.in === "path" ? idFor(path) : given.name === "Idempotency-Key" && given.required ? newKey() : given.name === "limit" ? "3" : "";
    return { given, input };
  });
  const body = text() === null ? null : h("textarea", { rows: Math.min(14, text().split("\n").length + 1), spellcheck: "false", class: "mono" });
  if (body) body.value = text();
  const shown = h("pre", { tabindex: 0, "aria-label": "The same with curl" });
  const answer = h("div");
  const request = () => {
    const url = new URL(path.slice(1).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(inputs.find((one) => one.given.name === name).input.value)), base);
    const headers = {};
    for (const { given, input } of inputs) {
      if (!input.value.trim()) continue;
      if (given.in === "query") url.searchParams.set(given.name, input.value.trim());
      if (given.in === "header") headers[given.name] = input.value.trim();
    }
    if (operation.security === undefined && token()) headers.Authorization = `Bearer ${token()}`;
    if (body?.value.trim()) headers["Content-Type"] = "application/json";
    return { url, headers, body: body?.value.trim() || undefined };
  };
  const curl = () => {
    const { url, headers, body: sent } = request();
    const quoted = (one) => `'${one.replaceAll("'", "'\\''")}'`;
    const lines = [`curl -X ${method} ${quoted(url.href)}`, ...Object.entries(headers).map(([name, value]) => `  -H ${name === "Authorization" ? '"Authorization: Bearer $TOKEN"' : quoted(`${name}: ${value}`)}`), sent ? `  -d ${quoted(sent)}` : null];
    shown.textContent = lines.filter(Boolean).join(" \\\n");
  };
  const made = h("form", { on: { input: curl, submit: (event) => { event.preventDefault(); busy(event.submitter, send); } } },
    inputs.map(({ given, input }) => field(`${given.name}${given.required ? "" : " (optional)"}`, input, given.in === "header" ? "header" : given.in === "path" ? "in the path" : null)),
    body && field("Body", body), shown,
    h("p", { class: "actions" }, h("button", { class: "primary" }, "Send"), body && button("Example again", () => { body.value = text(); curl(); }, { class: "quiet" })),
    answer);
  const own = new Set();
  made.addEventListener("input", (event) => own.add(event.target));
  addEventListener("slotkeeper:living", () => {
    for (const { given, input } of inputs) if (given.in === "path" && !own.has(input)) input.value = idFor(path);
    if (body && !own.has(body)) body.value = text();
    curl();
  });
  curl();
  return made;

  async function send() {
    await looking;
    const { url, headers, body: sent } = request();
    const began = performance.now();
    try {
      const got = await fetch(url, { method, headers, body: method === "GET" ? undefined : sent, credentials: "omit" });
      const told = await got.text();
      const is_json = (got.headers.get("content-type") || "").includes("json");
      const value = is_json && told ? JSON.parse(told) : told;
      show(got, is_json && told ? JSON.stringify(value, null, 2) : told, performance.now() - began);
      if (got.ok && learns[operation.operationId]) learn(learns[operation.operationId](value));
    } catch {
      fill(answer, h("div", { class: "alert", role: "alert", data: { testid: "service-down" } }, h("p", {}, "No answer: the service cannot be reached.")));
    }
    const key = inputs.find((one) => one.given.name === "Idempotency-Key" && one.given.required);
    if (key && !own.has(key.input)) key.input.value = newKey();
  }

  function show(got, told, milliseconds) {
    const named = [...got.headers].filter(([name]) => /^(content-type|etag|expires|location|retry-after|ratelimit|ratelimit-policy|idempotent-replayed|x-request-id)$/.test(name));
    fill(answer,
      h("div", { class: "answer", role: "status", data: { testid: "answer", status: String(got.status) } },
        h("p", {}, h("strong", {}, `${got.status} ${got.statusText}`), h("span", { class: "hint" }, ` in ${Math.round(milliseconds)} ms`)),
        h("pre", { tabindex: 0, "aria-label": "Headers of the answer" }, named.map(([name, value]) => `${name}: ${value}`).join("\n")),
        told ? h("pre", { tabindex: 0, "aria-label": "Body of the answer" }, told.length > 20_000 ? `${told.slice(0, 20_000)}\n…` : told) : null));
  }
}
