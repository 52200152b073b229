// Keeps a page current: what carries data-live is fetched again when something changed, and swapped in place.
// Times are written in the reader's time zone.

const place = document.getElementById("live");
const address = document.body.dataset.events;
const QUIET_MS = 150; // changes come in bursts
const AGAIN_MS = 4000;
const seen = new Map(); // what the server said of a region last, by id
let source = null;
let timer = 0;
let fetching = false;

const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

for (const region of document.querySelectorAll("[data-live]")) seen.set(region.id, region.outerHTML);
localise(document);
document.getElementById("zone").textContent = zone;

if (address) {
  place.hidden = false;
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
}

/** A hidden page needs no stream: browsers allow few to one server, and servers not any number either. */
function hush() {
  source?.close();
  source = null;
}

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(address);
  source.addEventListener("open", () => say("Live", false));
  source.addEventListener("change", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, QUIET_MS);
  });
  source.addEventListener("error", () => {
    say("Not live", true);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again itself
    source = null;
    setTimeout(listen, AGAIN_MS);
  });
}

async function refresh() {
  if (fetching) {
    timer = setTimeout(refresh, QUIET_MS);
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Watching": "1" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") return leave();
    if (answer.ok) await swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    say("Not live", true);
  } finally {
    fetching = false;
  }
}

async function swap(fresh) {
  const { Idiomorph } = await import(document.body.dataset.morph);
  for (const [id, before] of seen) {
    const next = fresh.getElementById(id);
    const region = document.getElementById(id);
    if (!next || !region || next.outerHTML === before) continue;
    seen.set(id, next.outerHTML);
    localise(next);
    Idiomorph.morph(region, next, {
      ignoreActiveValue: true,
      callbacks: {
        beforeNodeMorphed: (node, fresh) => !(node.dataset?.begun && node.id === fresh.id), // a form being filled in
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
        afterNodeAdded: (node) => node.classList?.add("new"),
      },
    });
    document.dispatchEvent(new CustomEvent("swapped", { detail: id }));
  }
}

/** The session ended. What is typed stays where it is; whoever likes logs in again in another tab. */
function leave() {
  source?.close();
  source = null;
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = "Logged out: log in";
  place.replaceChildren(link);
  place.classList.add("away");
}

function say(text, away) {
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("away", away);
}

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = clock.format(new Date(time.dateTime)).replace(",", "");
  }
}
