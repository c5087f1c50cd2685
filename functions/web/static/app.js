// The frame: who is signed in, which view the address names.
import { forgetMe } from "./api.js";
import { announce, button, fill, h } from "./dom.js";
import { keep } from "./kept.js";
import { comeBack, isStaff, session, signOut, wayIn } from "./session.js";
import { failed } from "./states.js";

const main = document.getElementById("content");
const views = [
  [/^$/, () => import("./doctors.js"), "Doctors"],
  [/^doctors\/([\w-]+)$/, () => import("./calendar.js"), "Free times"],
  [/^hold\/([\w-]+)$/, () => import("./hold.js"), "Enter your code"],
  [/^bookings$/, () => import("./bookings.js"), "My bookings"],
  [/^bookings\/([\w-]+)$/, () => import("./booking.js"), "Your appointment"],
  [/^clinic$/, () => import("./clinic.js"), "Clinic day"],
  [/^me$/, () => import("./details.js"), "Your details"],
];
const elsewhere = [/^not-found$/, null, "Not found"];
let leave = null;

/** Where the address leads: the view's path, and its query. */
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path, query: new URLSearchParams(query) };
}

async function show({ moves = true } = {}) {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { path, query } = place();
  const [pattern, load, title] = views.find(([one]) => one.test(path)) || (path === "sign-in" ? views[0] : elsewhere);
  frame(path);
  document.title = `${title} · Slotkeeper`;
  main.setAttribute("aria-busy", "true");
  try {
    if (!session() || path === "sign-in") {
      if (session()) return void location.replace("#/");
      const { signIn } = await import("./signin.js");
      await signIn(main, { path, signal });
    } else if (!load) {
      fill(main, h("h1", { tabindex: -1 }, "There is no such page"), h("p", {}, h("a", { href: "#/" }, "To the doctors")));
    } else {
      const { view } = await load();
      if (signal.aborted) return;
      await view(main, { id: (path.match(pattern) || [])[1], query, signal });
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!session()) return void show();
    // A module that is gone belongs to a release that is: only loading the page anew helps.
    const retry = error instanceof TypeError ? () => location.reload() : () => show();
    fill(main, h("h1", { tabindex: -1 }, title), failed(error, retry));
  } finally {
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
  if (signal.aborted || !moves) return;
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
  document.title = `${heading?.textContent || title} · Slotkeeper`;
}

function frame(path) {
  const link = (href, text) => {
    const is_here = href === `#/${path}` || (href === "#/" && path.startsWith("doctors"));
    return h("li", {}, h("a", { href, "aria-current": is_here ? "page" : null }, text));
  };
  const links = [];
  if (isStaff()) links.push(link("#/clinic", "Clinic"));
  else links.push(link("#/", "Doctors"));
  if (session() && !isStaff()) links.push(link("#/bookings", "My bookings"));
  if (session()) links.push(link("#/me", "Your details"));
  links.push(link("docs", "API reference"));
  fill(document.querySelector("#nav ul"), links);
  fill(
    document.getElementById("account"),
    session() && h("span", { class: "who" }, session().name ? [h("span", { class: "wide-only" }, "Signed in as "), capital(session().name)] : "Signed in"),
    session() ? button("Sign out", signOut, { class: "quiet" }) : null,
  );
}

const capital = (name) => name[0].toUpperCase() + name.slice(1);

async function phone() {
  const way = await wayIn().catch(() => null);
  const place = document.getElementById("phone");
  const { phoneOf } = way?.kind === "local" ? await import("./phone.js") : {};
  const person = session(); // who may have been signed out meanwhile
  if (!phoneOf || !person?.phone) return void fill(place);
  phoneOf(person, place);
}

addEventListener("hashchange", () => /^#\/|^$/.test(location.hash) && show());
addEventListener("slotkeeper:session", () => {
  forgetMe();
  if (!session()) announce("You are signed out.");
  if (isStaff() && place().path === "") location.replace("#/clinic");
  show();
  phone();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view this is
  main.focus();
});

try {
  await comeBack();
} catch {
  keep("sign-in-failed", true);
}
show({ moves: false });
phone();
