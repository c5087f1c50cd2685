// The API reference: openapi.json, rendered; nothing about the API is written here.
import { button, field, fill, h } from "./dom.js";
import { reader } from "./schema.js";
import { session, signOut } from "./session.js";
import { failed } from "./states.js";
import { form, look } from "./try.js";

const reference = document.getElementById("reference");

async function show() {
  account();
  try {
    const answer = await fetch(reference.dataset.document, { credentials: "omit" });
    if (!answer.ok) throw new Error("no document");
    render(await answer.json());
  } catch {
    fill(reference, failed({ isDown: true }, show));
  }
  reference.removeAttribute("aria-busy");
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  look();
}

function account() {
  const place = document.getElementById("account");
  fill(place, session() ? [h("span", { class: "who" }, session().name ? [h("span", { class: "wide-only" }, "Signed in as "), session().name[0].toUpperCase() + session().name.slice(1)] : "Signed in"), button("Sign out", () => { signOut(); location.reload(); }, { class: "quiet" })] : h("a", { href: "./#/" }, "Sign in"));
}

function render(document_) {
  const read = reader(document_);
  const { title, version, description } = document_.info;
  const token = h("input", { id: "token", autocomplete: "off", spellcheck: "false", value: session()?.token || "" });
  token.addEventListener("input", () => dispatchEvent(new Event("slotkeeper:living")));
  fill(document.getElementById("about"),
    paragraphs(description).map((one) => h("p", { class: "lead" }, prose(one))),
    h("p", { class: "hint" }, `${title} ${version}, from `, h("a", { href: reference.dataset.document }, "openapi.json")),
    h("div", { class: "card" }, field("Access token", token, session() ? "Of who is signed in here; another one can be pasted." : "Sign in, or paste one: make token USER=alice prints one on a local system.")));
  const tags = document_.tags.map(({ name }) => ({ name, operations: operationsOf(document_, name) }));
  fill(reference,
    h("nav", { class: "operations", "aria-label": "Operations" }, tags.map(({ name, operations }) => [
      h("h2", {}, name),
      h("ul", {}, operations.map(({ method, path, operation }) => h("li", {}, h("a", { href: `#${operation.operationId}` }, badge(method), path)))),
    ])),
    h("div", {}, tags.map(({ name, operations }) => [h("h2", { class: "unseen" }, name), operations.map((one) => article(one, read))])));
}

function operationsOf(document_, tag) {
  return Object.entries(document_.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, operation]) => operation.tags.includes(tag)).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));
}

const badge = (method) => h("span", { class: `method ${method.toLowerCase()}` }, method);
const paragraphs = (text) => text.split(/\n\n+/).filter(Boolean);

/** Text with `code` in it. */
const prose = (text) => text.split("`").map((part, number) => (number % 2 ? h("code", {}, part) : part));

function article({ method, path, operation }, read) {
  const title = h("h3", { id: `${operation.operationId}-title` }, badge(method), h("code", {}, path));
  const body = operation.requestBody?.content["application/json"].schema;
  return h("article", { class: "card operation", id: operation.operationId, "aria-labelledby": title.id, data: { testid: "operation", operationId: operation.operationId } },
    title, h("p", {}, h("strong", {}, operation.summary)), paragraphs(operation.description || "").map((one) => h("p", { class: "hint" }, prose(one))),
    operation.parameters ? parameters(operation.parameters, read) : null,
    body ? h("div", {}, h("h4", {}, `Body${operation.requestBody.required ? "" : " (optional)"}`), read.shape(body)) : null,
    h("h4", {}, "Answers"), h("dl", {}, Object.entries(operation.responses).map(([status, one]) => answer(status, read.resolve(one), read))),
    tryIt(method, path, operation, read));
}

function parameters(given, read) {
  return h("div", {}, h("h4", {}, "Parameters"), h("ul", { class: "fields" }, given.map((one) =>
    h("li", {}, h("code", {}, one.name), one.required ? "" : "?", " ", h("span", { class: "hint" }, `${one.in}; ${read.type(one.schema)}${one.description ? `. ${one.description}` : ""}`)))));
}

function answer(status, told, read) {
  const schema = told.content?.["application/json"]?.schema;
  const shape = schema && read.shape(schema);
  return [h("dt", {}, status), h("dd", {}, paragraphs(told.description).map((one) => h("p", {}, prose(one))),
    shape ? h("details", {}, h("summary", {}, "What it holds"), shape, h("pre", { tabindex: 0, "aria-label": "Example" }, JSON.stringify(read.example(schema), null, 2))) : null)];
}

function tryIt(method, path, operation, read) {
  const made = h("details", { class: "try" }, h("summary", {}, "Try it"));
  made.addEventListener("toggle", () => made.open && made.children.length === 1 && made.append(form(method, path, operation, read)));
  return made;
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("content").focus();
});
show();
