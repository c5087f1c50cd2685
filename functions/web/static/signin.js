// Who nobody is signed in as sees this in the place of every view.
import { busy, button, fill, h } from "./dom.js";
import { keep, kept } from "./kept.js";
import { leaveToSignIn, signInLocally, wayIn } from "./session.js";
import { alert } from "./states.js";

export async function signIn(main, { path, signal }) {
  const said = [];
  if (kept("was-signed-in")) said.push(h("p", { class: "note" }, "Your sign-in has ended. Sign in again to go on where you were."));
  if (kept("sign-in-failed")) said.push(alert("sign-in-failed", "The sign-in was not completed. Please try again."));
  keep("was-signed-in", null);
  keep("sign-in-failed", null);
  const place = h("div", { "aria-busy": "true" }, h("p", { class: "bone line", "aria-hidden": "true" }));
  const steps = ["Choose a doctor and a free time", "We hold it while you type the code we send", "Your appointment is booked"];
  fill(
    main,
    h("h1", {}, path.startsWith("clinic") ? "Sign in to your clinic" : "Book an appointment"),
    h("div", { class: "welcome" },
      h("ol", { class: "steps" }, steps.map((text) => h("li", {}, text))),
      h("section", { class: "card sign-in", "aria-labelledby": "sign-in-title" }, h("h2", { id: "sign-in-title" }, "Sign in"), said, place)),
  );
  await offer(place);
  if (!signal.aborted) place.removeAttribute("aria-busy");
}

async function offer(place) {
  let way;
  try {
    way = await wayIn();
  } catch {
    return void fill(place, alert("service-down", "We cannot reach the service right now.", h("p", {}, button("Try again", () => offer(place)))));
  }
  if (way.kind === "local") return void fill(place, people(way.people, place));
  if (way.kind === "oidc") {
    return void fill(place,
      h("p", {}, "You sign in with your clinic's account, and come back here."),
      button("Continue to sign in", () => leaveToSignIn(way), { class: "primary wide" }));
  }
  const where = way.environment === "local"
    ? "On this machine one signs in at the page's own address, which make run printed."
    : "Sign-in is not set up here yet. The clinic's operator does that (docs/web.md).";
  fill(place, h("p", { class: "note", data: { testid: "no-sign-in" } }, where));
}

function people(known, place) {
  const name = (person) => person.name[0].toUpperCase() + person.name.slice(1);
  const wrong = h("div");
  return [
    h("p", { class: "hint" }, "This is a local system: these people are made up, and need no password."),
    h("ul", { class: "plain" }, known.map((person) =>
      h("li", {}, button(`Continue as ${name(person)} (${person.role})`, (event) =>
        busy(event.currentTarget, () => signInLocally(person)).catch(() =>
          fill(wrong, alert("service-down", "That did not work. The local system may still be starting."))), { class: "wide" })))),
    wrong,
  ];
}
