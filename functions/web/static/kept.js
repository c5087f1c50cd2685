// What survives a reload: this tab's own storage. Two tabs may be two people.
const prefix = "slotkeeper.";

export function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(prefix + name));
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null || value === undefined) sessionStorage.removeItem(prefix + name);
    else sessionStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // A full or forbidden storage: the page works on, a reload forgets.
  }
}

export function keptNames(start) {
  return Object.keys(sessionStorage)
    .filter((name) => name.startsWith(prefix + start))
    .map((name) => name.slice(prefix.length));
}

export function forgetAll() {
  for (const name of keptNames("")) keep(name, null);
}
