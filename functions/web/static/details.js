// #/me : how to reach somebody, and their time zone.
import { ask, me } from "./api.js";
import { busy, field, fill, h } from "./dom.js";
import { bones, told } from "./states.js";
import { ownZone } from "./time.js";

export async function view(main, { signal }) {
  fill(main, h("h1", {}, "Your details"), bones(1));
  const profile = await me({ anew: true });
  if (signal.aborted) return;
  const phone = h("input", { type: "tel", autocomplete: "tel", pattern: "\\+[1-9][0-9]{6,14}", value: profile.phone || "" });
  const email = h("input", { type: "email", autocomplete: "email", value: profile.email || "" });
  const zones = Intl.supportedValuesOf?.("timeZone") || [ownZone()];
  const zone = h("select", {}, [...new Set([profile.timeZone, ownZone(), ...zones, "UTC"])].map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
  zone.value = profile.timeZone;
  const channel = h("select", {}, [["", "No preference"], ["sms", "Text message (SMS)"], ["email", "Email"]].map(([value, text]) => h("option", { value }, text)));
  channel.value = profile.preferredChannel || "";
  const said = h("div");
  fill(main,
    h("h1", {}, "Your details"),
    h("p", { class: "lead" }, "We use them to send you codes and what becomes of your bookings."),
    h("form", { class: "card", on: { submit: (event) => { event.preventDefault(); busy(event.submitter, save); } } },
      field("Phone", phone, "With the country's code, like +49 170 1234567 without spaces"),
      field("Email address", email), field("Send codes by", channel), field("Time zone", zone), said,
      h("p", { class: "actions" }, h("button", { class: "primary" }, "Save"))));

  async function save() {
    const body = { phone: phone.value.trim() || null, email: email.value.trim() || null, preferredChannel: channel.value || null, locale: profile.locale, timeZone: zone.value };
    try {
      await ask("PUT", "/me", { body });
      await me({ anew: true });
      fill(said, h("p", { class: "note", role: "status", data: { testid: "details-saved" } }, "Saved."));
    } catch (problem) {
      fill(said, told(problem));
    }
  }
}
