// Requests to the API: refusals as problems, keys that make a repeated request the same one.
import { keep, kept } from "./kept.js";
import { ended, session } from "./session.js";
import { ownZone, zoneOf } from "./time.js";

export const base = new URL("./", location.href.split("#")[0].split("?")[0]);
const patience = 20_000;
const again = [400, 1500];

/** What the API refused, or could not do; `code` is what to go by. */
export class Problem extends Error {
  constructor(status, document = {}, retryAfter = null) {
    super(document.detail || "The service does not answer.");
    Object.assign(this, { status, code: document.code || "unavailable", retryAfter });
    this.attemptsRemaining = document.attemptsRemaining ?? null;
    this.errors = document.errors || [];
    this.requestId = document.requestId || null;
  }

  get isDown() {
    return this.status === 0 || this.status >= 500;
  }
}

/** The answer's JSON, or its text where it is none. Throws Problem. */
export async function ask(method, path, { body, query = {}, key, etag, signal } = {}) {
  const url = new URL(path.replace(/^\//, ""), base);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const headers = { Accept: "application/json, application/problem+json" };
  if (session()) headers.Authorization = `Bearer ${session().token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (etag) headers["If-Match"] = etag;
  const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  // Repeated without asking: what changes nothing, or is known by its key.
  const waits = method === "GET" || key ? again : [];
  for (let turn = 0; ; turn++) {
    const problem = await once(url, request, signal).catch((error) => error);
    if (!(problem instanceof Problem)) {
      if (problem instanceof Error) throw problem;
      return problem.value;
    }
    const is_lost = problem.status === 0 || problem.status === 502 || problem.status === 504;
    const is_soon = problem.code === "request_in_progress" && (problem.retryAfter ?? 1) <= 2;
    if (turn >= waits.length || !(is_lost || is_soon)) throw problem;
    await new Promise((go) => setTimeout(go, waits[turn] * (0.75 + Math.random() / 2)));
    signal?.throwIfAborted();
  }
}

async function once(url, request, signal) {
  const signals = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
  let answer;
  let text;
  try {
    answer = await fetch(url, { ...request, signal: AbortSignal.any(signals), credentials: "omit" });
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0);
  }
  const type = answer.headers.get("content-type") || "";
  const value = type.includes("json") && text ? JSON.parse(text) : text;
  if (answer.ok) return { value };
  if (answer.status === 401) ended();
  const retryAfter = Number(answer.headers.get("retry-after")) || null;
  throw new Problem(answer.status, typeof value === "object" ? value : {}, retryAfter);
}

/** Do it once, however often it is asked for: its key stays until there is an answer, reload or not. */
export async function doOnce(name, method, path, options = {}) {
  const place = `key.${name}`;
  const key = kept(place) || newKey();
  keep(place, key);
  try {
    const value = await ask(method, path, { ...options, key });
    keep(place, null);
    return value;
  } catch (error) {
    const is_open = !(error instanceof Problem) || error.isDown || ["request_in_progress", "rate_limited"].includes(error.code);
    if (!is_open) keep(place, null);
    throw error;
  }
}

export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All items of a list, page by page, up to so many. */
export async function all(path, query, { signal, most = 1000 } = {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await ask("GET", path, { query: cursor ? { limit: query.limit, cursor, ...only(query) } : query, signal });
    items.push(...page.items);
    cursor = page.pageInfo.nextCursor;
  } while (cursor && items.length < most);
  return items;
}

const only = ({ limit, page, ...filters }) => filters;

const doctors = new Map();
/** A doctor, asked for once a visit. */
export function doctor(id) {
  if (!doctors.has(id)) {
    const asked = ask("GET", `/doctors/${id}`);
    doctors.set(id, asked);
    asked.catch(() => doctors.delete(id));
  }
  return doctors.get(id);
}

export const remember = (one) => doctors.set(one.id, Promise.resolve(one));

let profile = null;
/** The signed-in person's profile. */
export function me({ anew = false } = {}) {
  if (!profile || anew) {
    profile = ask("GET", "/me");
    profile.catch(() => (profile = null));
  }
  return profile;
}

/** Their time zone; the browser's, where the profile cannot be had. */
export const myZone = () => me().then(zoneOf, ownZone);

export function forgetMe() {
  profile = null;
  doctors.clear();
}
