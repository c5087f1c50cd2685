// Who is signed in, in this tab; how one signs in says `assets/site.json`.
import { forgetAll, keep, kept } from "./kept.js";

const base = new URL("./", location.href.split("#")[0].split("?")[0]);
let known = kept("session");
let site = null;

export const session = () => known;

export function isStaff() {
  return known !== null && known.role !== "patient";
}

/** How to sign in: {kind: "local", people} | {kind: "oidc", ...} | {kind: "none", environment}. */
export function wayIn() {
  site ??= fetch(new URL("assets/site.json", base), { credentials: "omit" })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error("no answer"))))
    .then((told) => told.signIn);
  site.catch(() => (site = null));
  return site;
}

function become(person) {
  known = person;
  keep("session", person);
  dispatchEvent(new Event("slotkeeper:session"));
}

export function signOut() {
  forgetAll();
  become(null);
}

/** The token no longer counts: what was begun stays, for who signs in again. */
export function ended() {
  if (known === null) return;
  keep("was-signed-in", true);
  become(null);
}

export async function signInLocally(person) {
  const answer = await fetch(new URL("_local/sign-in", base), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(person),
  });
  if (!answer.ok) throw new Error("sign-in failed");
  become(await answer.json());
}

// --- OpenID Connect: authorization code with PKCE (RFC 7636); no secret, no third party's script

export async function leaveToSignIn(way) {
  const verifier = random(48);
  const state = random(16);
  keep("oidc", { verifier, state, hash: location.hash });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const url = new URL(way.authorizeUrl);
  const asked = {
    response_type: "code",
    client_id: way.clientId,
    redirect_uri: base.href,
    scope: "openid",
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Back from the provider, with a code in the address: whether that was so. Throws what went wrong. */
export async function comeBack() {
  const query = new URLSearchParams(location.search);
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return false;
  const begun = kept("oidc");
  keep("oidc", null);
  history.replaceState(null, "", base.pathname + (begun?.hash || "#/"));
  if (!begun || begun.state !== query.get("state") || query.has("error")) throw new Error("sign-in was not completed");
  const way = await wayIn();
  const answer = await fetch(way.tokenUrl, {
    method: "POST",
    credentials: "omit",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: way.clientId,
      redirect_uri: base.href,
      code: query.get("code"),
      code_verifier: begun.verifier,
    }),
  });
  if (!answer.ok) throw new Error("sign-in was not completed");
  const { access_token: token } = await answer.json();
  const who = await fetch(new URL("me", base), { headers: { Authorization: `Bearer ${token}` } });
  if (!who.ok) throw new Error("sign-in was not completed");
  const profile = await who.json();
  become({ token, name: "", role: profile.clinicId ? "staff" : "patient", userId: profile.id });
  return true;
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = (length) => base64url(crypto.getRandomValues(new Uint8Array(length)));
