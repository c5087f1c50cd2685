// #/ : the doctors, and a search among them.
import { all, remember } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { keep, kept } from "./kept.js";
import { isStaff } from "./session.js";
import { bones, empty } from "./states.js";
import { zoneName } from "./time.js";

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export async function view(main, { signal }) {
  const search = h("input", { type: "search", id: "search", autocomplete: "off", placeholder: "Okafor, cardiology …", value: kept("search") || "" });
  const place = h("div", { "aria-busy": "true" }, bones(3));
  fill(
    main,
    h("h1", {}, "Find a doctor"),
    h("p", { class: "lead" }, "Choose a free time. We hold it for you while you type the code we send."),
    h("form", { role: "search", class: "search", on: { submit: (event) => event.preventDefault() } },
      h("label", { for: "search" }, "Search by name or specialty"), search),
    place,
  );
  const doctors = await all("/doctors", { limit: 100 }, { signal });
  doctors.forEach(remember);
  place.removeAttribute("aria-busy");
  const list = () => {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    const found = doctors.filter((one) => words.every((word) => plain(`${one.name} ${one.specialty}`).includes(word)));
    fill(place, found.length ? cards(found) : empty(doctors.length ? `No doctor matches “${search.value.trim()}”.` : "This clinic has no doctors yet."));
    return found.length;
  };
  let soon;
  search.addEventListener("input", () => {
    keep("search", search.value);
    const count = list();
    clearTimeout(soon);
    soon = setTimeout(() => announce(`${count} ${count === 1 ? "doctor" : "doctors"}`), 600);
  });
  list();
}

function cards(doctors) {
  const to = (one) => (isStaff() ? `#/clinic?doctor=${one.id}` : `#/doctors/${one.id}`);
  return h("ul", { class: "cards", "aria-label": "Doctors" }, doctors.map((one) =>
    h("li", { class: "card doctor" },
      h("span", { class: "face", "aria-hidden": "true" }, initials(one.name)),
      h("div", {},
        h("h2", {}, h("a", { href: to(one) }, one.name)),
        h("p", {}, capital(one.specialty)),
        h("p", { class: "hint" }, zoneName(one.timeZone), one.consultationFee ? " · takes a fee" : "")))));
}

export const capital = (text) => text[0].toUpperCase() + text.slice(1);
export const initials = (name) => name.split(/\s+/).filter((word) => !/\.$/.test(word)).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
