// What a view shows while it waits, when there is nothing, and when something went wrong.
import { button, h } from "./dom.js";

export const bones = (count, kind = "card") =>
  h("ul", { class: kind === "card" ? "cards" : "rows", "aria-hidden": "true" }, Array.from({ length: count }, () => h("li", { class: `${kind} bone` })));

export const empty = (text, ...more) => h("div", { class: "empty" }, h("p", {}, text), more);

/** An alert; `about` is its data-testid. */
export const alert = (about, text, ...more) => h("div", { class: "alert", role: "alert", data: { testid: about } }, h("p", {}, text), more);

const words = {
  not_found: "There is no such thing here, or it is somebody else's.",
  forbidden: "You may not do this with the account you are signed in with.",
  rate_limited: "That was a lot at once. Please wait a moment.",
};

/** What went wrong, in words for who reads it, and a way on. */
export function failed(problem, retry) {
  if (problem.isDown || problem.status === undefined) {
    return alert(
      "service-down",
      "We cannot reach the service right now. Nothing you did is lost.",
      h("p", {}, button("Try again", retry, { class: "primary" })),
    );
  }
  const said = words[problem.code] || problem.message;
  return alert("refused", said, retry && h("p", {}, button("Try again", retry)));
}

/** The same beside what was pressed: no way on but pressing it again. */
export function told(problem) {
  if (problem.isDown || problem.status === undefined) {
    return alert("service-down", "We cannot reach the service right now. Nothing is lost: try again in a moment.");
  }
  const wrong = problem.errors.map((one) => h("li", {}, `${one.field}: ${one.message}`));
  return alert("refused", words[problem.code] || problem.message, wrong.length ? h("ul", {}, wrong) : null);
}
