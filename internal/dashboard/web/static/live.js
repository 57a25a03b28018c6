// Keeps a page current: it listens for changes, loads the page again, and replaces those of its live regions (elements with
// the attribute data-region and an id) that have changed. The user keeps the focus, the scroll position and the input.
"use strict";
(() => {
  const main = document.getElementById("main");
  const status = document.getElementById("live");
  const offline = document.getElementById("offline")?.content.firstElementChild; // the alert of a lost connection
  const pause = 1000, retry = 5000, patience = 4000; // ms between two loads of the page, after a load that failed, and until a lost connection is shown
  let busy = false, again = false, last = 0, timer = 0;

  const setStatus = (text, kind) => {
    if (status.textContent !== text) status.textContent = text;
    status.className = "live " + kind;
  };

  // The same words as those of the server: relative in format.go.
  const relative = (at) => {
    const d = Math.abs(Date.now() - at) / 1000, future = at > Date.now();
    if (d < 45) return future ? "in a moment" : "just now";
    let text;
    if (d < 5400) text = Math.max(1, Math.round(d / 60)) + " min";
    else if (d < 129600) text = Math.round(d / 3600) + " h";
    else if (d < 2592000) text = Math.round(d / 86400) + " days";
    else return null;
    return future ? "in " + text : text + " ago";
  };
  const updateTimes = () => {
    for (const t of document.querySelectorAll("time[title]")) {
      const text = relative(Date.parse(t.dateTime));
      if (text && t.textContent !== text) t.textContent = text;
    }
  };
  setInterval(updateTimes, 30000);

  // A region with input, the focus in a field, or a selection stays as it is.
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
  const identify = (e) => e.id || e.getAttribute("href") || e.getAttribute("name") || e.textContent;
  const detailsKey = (d) => d.dataset.key || d.textContent;
  const replace = (old, fresh) => {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...old.querySelectorAll("details[open]")].map(detailsKey));
    const scrolled = [...old.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
    for (const d of fresh.querySelectorAll("details")) if (open.has(detailsKey(d))) d.open = true;
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    if (!active) return;
    const same = [...fresh.querySelectorAll(active.localName)].find((e) => identify(e) === identify(active));
    (same || main).focus({ preventScroll: true });
  };
  const show = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    if (!page.getElementById("main").dataset.live) location.replace(main.dataset.page); // the user may no longer follow it
    for (const old of main.querySelectorAll("[data-region]")) {
      const fresh = page.getElementById(old.id);
      if (fresh && fresh.outerHTML !== (old.dataset.seen ?? old.outerHTML) && !inUse(old)) {
        const seen = fresh.outerHTML;
        const node = document.importNode(fresh, true);
        replace(old, node);
        node.dataset.seen = seen;
      }
    }
    updateTimes();
  };

  const load = async () => {
    clearTimeout(timer);
    if (busy) { again = true; return; }
    if (main.querySelector("form[data-sent]")) { timer = setTimeout(load, retry); return; } // the next page is loading, and the object of this one may be gone
    busy = true;
    last = Date.now();
    let done = false;
    try {
      const answer = await fetch(main.dataset.page, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.redirected) { location.replace(main.dataset.page); return; } // signed out
      done = answer.ok || answer.status === 422;
      if (done) show(await answer.text());
    } catch { done = false; /* the stream reports that the browser is offline */ }
    busy = false;
    if (again) { again = false; loadSoon(); } else if (!done) timer = setTimeout(load, retry);
  };
  const loadSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(load, Math.max(0, last + pause - Date.now()));
  };

  // The stream begins with the changes since the page was rendered, or since the last change received. A hidden page does not
  // listen, because a browser has only six connections for all its tabs.
  let source = null, wait = 1000, next = 0, losing = 0;
  const stop = () => {
    clearTimeout(next);
    source?.close();
    source = null;
  };
  const follow = () => {
    if (source || document.hidden) return;
    source = new EventSource(from);
    source.addEventListener("open", () => { setStatus("Live", "on"); clearTimeout(losing); losing = 0; offline.remove(); wait = 1000; });
    source.addEventListener("change", (e) => {
      if (e.lastEventId) from.searchParams.set("since", e.lastEventId);
      loadSoon();
    });
    source.addEventListener("error", () => {
      setStatus("Reconnecting…", "off");
      losing ||= setTimeout(() => main.prepend(offline), patience);
      if (source.readyState !== EventSource.CLOSED) return;
      stop();
      next = setTimeout(follow, wait);
      if (wait > 2000) load(); // the session may have ended, or the user may no longer follow the page
      wait = Math.min(wait * 2, 30000);
    });
  };
  const from = main.dataset.live && new URL(main.dataset.live, location.href);
  if (from && window.EventSource) {
    document.addEventListener("visibilitychange", () => (document.hidden ? stop : follow)());
    addEventListener("pagehide", stop);
    addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
    follow();
  }
})();
