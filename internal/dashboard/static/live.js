// Keeps a page true: it listens for changes, and then loads the page again and puts in place what has changed of its live regions (elements with
// the attribute data-region and an id). Nobody loses the focus, the place, or what is typed in.
"use strict";
(() => {
  const main = document.getElementById("main");
  const word = document.getElementById("live");
  const pause = 1000, retry = 5000; // ms between two loads of the page, and after one that failed
  let busy = false, again = false, last = 0, timer = 0;

  const say = (text, kind) => {
    if (word.textContent !== text) word.textContent = text;
    word.className = "live " + kind;
  };

  // Times are told as the server tells them.
  const short = (at) => {
    const d = Math.abs(Date.now() - at) / 1000, future = at > Date.now();
    if (d < 45) return future ? "in a moment" : "just now";
    let text;
    if (d < 5400) text = Math.max(1, Math.round(d / 60)) + " min";
    else if (d < 129600) text = Math.round(d / 3600) + " h";
    else if (d < 2592000) text = Math.round(d / 86400) + " days";
    else return null;
    return future ? "in " + text : text + " ago";
  };
  const tick = () => {
    for (const t of document.querySelectorAll("time[title]")) {
      const text = short(Date.parse(t.dateTime));
      if (text && t.textContent !== text) t.textContent = text;
    }
  };
  setInterval(tick, 30000);

  // A region in which somebody is typing, or has typed, or has something selected, stays as it is.
  const inUse = (region) => {
    const active = document.activeElement;
    if (region.contains(active) && active.matches("input, select, textarea")) return true;
    for (const f of region.querySelectorAll("input, textarea")) {
      if (f.type === "checkbox" || f.type === "radio" ? f.checked !== f.defaultChecked : f.value !== f.defaultValue) return true;
    }
    for (const o of region.querySelectorAll("select option")) if (o.selected !== o.defaultSelected && [...o.parentElement.options].some((x) => x.defaultSelected)) return true;
    const selection = getSelection();
    return !selection.isCollapsed && region.contains(selection.anchorNode);
  };
  const mark = (e) => e.id || e.getAttribute("href") || e.getAttribute("name") || e.textContent;
  const named = (d) => d.dataset.key || d.textContent;
  const replace = (old, fresh) => {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...old.querySelectorAll("details[open]")].map(named));
    const scrolled = [...old.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
    for (const d of fresh.querySelectorAll("details")) if (open.has(named(d))) d.open = true;
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    if (!active) return;
    const same = [...fresh.querySelectorAll(active.localName)].find((e) => mark(e) === mark(active));
    (same || main).focus({ preventScroll: true });
  };
  const show = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    if (!page.getElementById("main").dataset.live) location.replace(main.dataset.page); // which is not to be followed any more
    for (const old of main.querySelectorAll("[data-region]")) {
      const fresh = page.getElementById(old.id);
      if (fresh && fresh.outerHTML !== (old.dataset.seen ?? old.outerHTML) && !inUse(old)) {
        const seen = fresh.outerHTML;
        const node = document.importNode(fresh, true);
        replace(old, node);
        node.dataset.seen = seen;
      }
    }
    tick();
  };

  const load = async () => {
    clearTimeout(timer);
    if (busy) { again = true; return; }
    if (main.querySelector("form[data-sent]")) { timer = setTimeout(load, retry); return; } // another page is on its way, and this one's object may be gone
    busy = true;
    last = Date.now();
    let done = false;
    try {
      const answer = await fetch(main.dataset.page, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.redirected) { location.replace(main.dataset.page); return; } // signed out
      done = answer.ok || answer.status === 422;
      if (done) show(await answer.text());
    } catch { done = false; /* the stream says that we are offline */ }
    busy = false;
    if (again) { again = false; soon(); } else if (!done) timer = setTimeout(load, retry);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(load, Math.max(0, last + pause - Date.now()));
  };

  // What changed since the page was made, or since the last change that was heard of, is told at once. A page that nobody sees does not listen: all
  // tabs together have six connections.
  let source = null, wait = 1000, next = 0;
  const leave = () => {
    clearTimeout(next);
    source?.close();
    source = null;
  };
  const follow = () => {
    if (source || document.hidden) return;
    source = new EventSource(from);
    source.addEventListener("open", () => { say("Live", "on"); wait = 1000; });
    source.addEventListener("change", (e) => {
      if (e.lastEventId) from.searchParams.set("since", e.lastEventId);
      soon();
    });
    source.addEventListener("error", () => {
      say("Reconnecting…", "off");
      if (source.readyState !== EventSource.CLOSED) return;
      leave();
      next = setTimeout(follow, wait);
      if (wait > 2000) load(); // it may be that the session has ended, or that somebody may not follow any more
      wait = Math.min(wait * 2, 30000);
    });
  };
  const from = main.dataset.live && new URL(main.dataset.live, location.href);
  if (from && window.EventSource) {
    document.addEventListener("visibilitychange", () => (document.hidden ? leave : follow)());
    addEventListener("pagehide", leave);
    addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
    follow();
  }
})();
