// Local only: the phone of who is signed in, with what the emulator of SMS and email received for it.
import { base } from "./api.js";
import { button, fill, h } from "./dom.js";
import { keep, kept } from "./kept.js";
import { session } from "./session.js";

const every = 1500;
let running = null;
let present = new AbortController();

const awaits = () => location.hash.startsWith("#/hold/");

export function phoneOf(person, place) {
  clearInterval(running);
  present.abort();
  present = new AbortController();
  const { signal } = present;
  const name = person.name[0].toUpperCase() + person.name.slice(1);
  const list = h("ul", { class: "messages", "aria-label": "Messages", tabindex: 0 });
  const screen = h("div", { class: "screen" }, h("p", { class: "hint" }, person.phone), h("div", { role: "log" }, list));
  const shows = button("", () => { keep("phone-hidden", !screen.hidden); look(); }, { class: "quiet" });
  const look = () => {
    // Where it has no room beside the page it is in the way, unless a code is waited for.
    const is_hidden = kept("phone-hidden") ?? (!matchMedia("(min-width: 90rem)").matches && !awaits());
    screen.hidden = is_hidden;
    place.classList.toggle("open", !is_hidden);
    shows.textContent = is_hidden ? "Show phone" : "Hide phone";
    shows.setAttribute("aria-expanded", String(!is_hidden));
  };
  const title = `${name}’s phone (demo)`;
  fill(place, h("aside", { class: "phone", "aria-label": `${name}'s phone (demo)`, data: { testid: "phone" } }, h("div", { class: "phone-top" }, h("strong", {}, title), shows), screen));
  look();
  fill(list, h("li", { class: "hint" }, "Nothing has arrived yet."));
  let shown = "";
  const ask = async () => {
    if (document.visibilityState !== "visible" || session()?.token !== person.token) return;
    const answer = await fetch(new URL("_local/messages", base), { headers: { Authorization: `Bearer ${person.token}` } }).catch(() => null);
    if (!answer?.ok) return;
    const { items } = await answer.json();
    const newest = items.slice(-8).reverse();
    const told = JSON.stringify(newest.map((one) => [one.to, one.text]));
    if (told === shown || !newest.length) return;
    shown = told;
    const current = newest.findIndex((one) => codeIn(one)); // older ones open nothing any more
    fill(list, newest.map((one, place) => message(one, place === current)));
  };
  running = setInterval(ask, every);
  addEventListener("hashchange", () => {
    look();
    shown = "";
    ask();
  }, { signal });
  ask();
}

const codeIn = (one) => one.text.match(/\b\d{6}\b/)?.[0];

function message(one, is_current) {
  const code = is_current && codeIn(one);
  const is_email = one.channel === "email";
  return h("li", { class: "sms", data: { testid: "sms" } },
    is_email ? h("small", {}, "Email") : null,
    h("p", {}, one.text),
    code && awaits() ? button(`Use code ${code}`, () => dispatchEvent(new CustomEvent("slotkeeper:code", { detail: code })), { class: "small" }) : null);
}
