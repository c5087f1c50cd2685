// Elements, made by the DOM alone: text is never read as markup.

/** An element; `on` are listeners, `data` and `aria` go by their short names, null is left out. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, heard] of Object.entries(value)) made.addEventListener(type, heard);
    else if (name === "data") for (const [key, text] of Object.entries(value)) made.dataset[key] = text;
    else if (name === "value") made.value = value;
    else if (name === "checked" || name === "disabled") made[name] = true;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...flat(children));
  return made;
}

const flat = (children) => children.flat(9).filter((child) => child !== null && child !== undefined && child !== false);

export function fill(parent, ...children) {
  parent.replaceChildren(...flat(children));
  return parent;
}

/** Told to who listens rather than looks; the same words twice are told twice. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 60);
}

export const button = (text, heard, props = {}) => h("button", { type: "button", on: { click: heard }, ...props }, text);

let fields = 0;
/** A labelled field; `hint` and what is wrong with it are read out with it. */
export function field(label, control, hint = null) {
  const id = control.id || (control.id = `field-${++fields}`);
  const described = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  if (described) control.setAttribute("aria-describedby", described.id);
  return h("div", { class: "field" }, h("label", { for: id }, label), described, control);
}

/** A button that cannot be pressed twice while what it does is under way. */
export async function busy(pressed, work) {
  if (pressed.getAttribute("aria-disabled") === "true") return;
  pressed.setAttribute("aria-disabled", "true");
  pressed.classList.add("working");
  try {
    return await work();
  } finally {
    pressed.removeAttribute("aria-disabled");
    pressed.classList.remove("working");
  }
}

/** A dialog that is there until it is closed; what opened it gets the focus back. */
export function dialog(title, ...children) {
  const heading = h("h2", { id: `dialog-${++fields}` }, title);
  const made = h("dialog", { "aria-labelledby": heading.id }, heading, children);
  made.addEventListener("close", () => made.remove());
  made.addEventListener("click", (event) => event.target === made && made.close());
  document.body.append(made);
  made.showModal();
  return made;
}
