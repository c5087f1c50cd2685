// JSON Schema as people read it, and a value that fits it.
import { h } from "./dom.js";

/** A reader of one OpenAPI document's references. */
export const reader = (document) => {
  const resolve = (node) => (node?.$ref ? resolve(node.$ref.split("/").slice(1).reduce((at, key) => at[key], document)) : node);
  return { resolve, example: (node) => example(node, resolve), shape: (node) => shape(node, resolve), type: (node) => [type(node, resolve), limits(resolve(node))].filter(Boolean).join("; ") };
};

const alternatives = (node) => node.anyOf || node.oneOf || null;
const is_null = (node) => node.type === "null";

function type(node, resolve) {
  const known = resolve(node);
  if (known.const !== undefined) return JSON.stringify(known.const);
  if (known.enum) return known.enum.map((one) => JSON.stringify(one)).join(" | ");
  const some = alternatives(known);
  if (some) return [...new Set(some.map((one) => type(one, resolve)))].join(" | ");
  if (known.type === "array") return `${type(known.items || {}, resolve)}[]`;
  const name = Array.isArray(known.type) ? known.type.join(" | ") : known.type || "any";
  return known.format ? `${name} (${known.format})` : name;
}

function limits(node) {
  const words = { minimum: "at least", maximum: "at most", minLength: "characters, at least", maxLength: "characters, at most", minItems: "items, at least", maxItems: "items, at most", pattern: "like", default: "otherwise" };
  return Object.entries(words).filter(([name]) => node[name] !== undefined).map(([name, text]) => `${text} ${typeof node[name] === "object" ? JSON.stringify(node[name]) : node[name]}`).join("; ");
}

/** A list of an object's fields, and of theirs. */
function shape(node, resolve, depth = 0) {
  const known = main(node, resolve);
  const inner = known.type === "array" ? main(known.items || {}, resolve) : known;
  if (!inner.properties || depth > 4) return null;
  const needed = new Set(inner.required || []);
  return h("ul", { class: "fields" }, Object.entries(inner.properties).map(([name, one]) => {
    const of = resolve(one);
    return h("li", {},
      h("code", {}, name), needed.has(name) ? "" : "?", " ", h("span", { class: "hint" }, type(one, resolve), limits(of) ? `; ${limits(of)}` : "", of.description ? `. ${of.description}` : ""),
      shape(one, resolve, depth + 1));
  }));
}

/** What it is when it is there. */
function main(node, resolve) {
  const known = resolve(node);
  const some = alternatives(known);
  return some ? main(some.find((one) => !is_null(resolve(one))) || {}, resolve) : known;
}

const hours = 3_600_000;
const ahead = (name) => new Date(Math.ceil(Date.now() / hours) * hours + 7 * 24 * hours + (name === "to" ? 3 * hours : 0)).toISOString();
const texts = { date: (name) => ahead(name).slice(0, 10), "date-time": (name) => `${ahead(name).slice(0, 19)}Z`, "iana-time-zone": () => "Europe/Berlin" };
const named = { phone: "+4915550100", email: "alice@example.com", locale: "en", code: "123456", name: "Dr. Ada Adler", specialty: "cardiology", start: "09:00", end: "12:00", slotMinutes: 30, day: "mon", reason: "a cold" };

function example(node, resolve, name = "") {
  const known = resolve(node);
  if (known.example !== undefined) return known.example;
  if (known.examples?.length) return known.examples[0];
  if (name in named && !known.properties) return named[name];
  if (known.const !== undefined) return known.const;
  if (known.enum) return known.enum[0];
  if (known.default !== undefined) return known.default;
  const some = alternatives(known);
  if (some) return example(some.find((one) => !is_null(resolve(one))) || some[0], resolve, name);
  switch (known.type) {
    case "object": {
      const needed = known.required?.length ? known.required : Object.keys(known.properties || {});
      return Object.fromEntries(Object.entries(known.properties || {}).filter(([key]) => needed.includes(key)).map(([key, one]) => [key, example(one, resolve, key)]));
    }
    case "array":
      return [example(known.items || {}, resolve, name)];
    case "integer":
    case "number":
      return known.minimum ?? 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return texts[known.format]?.(name) ?? name;
  }
}
