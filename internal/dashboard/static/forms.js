// A form that was sent says so, and is not sent twice. Its button says what it does meanwhile (data-busy), and a status in it how long that may take
// (data-wait).
"use strict";
(() => {
  const patience = 30000; // ms, after which whoever gave up waiting may send it again
  const rest = (form, button) => {
    delete form.dataset.sent;
    button.textContent = button.dataset.idle;
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
    for (const s of form.querySelectorAll("[data-wait]")) s.textContent = "";
  };
  addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (form.method !== "post" || !button) return;
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "yes";
    button.dataset.idle = button.textContent;
    button.textContent = button.dataset.busy || button.textContent;
    button.setAttribute("aria-busy", "true");
    button.setAttribute("aria-disabled", "true");
    for (const s of form.querySelectorAll("[data-wait]")) s.textContent = s.dataset.wait;
    setTimeout(rest, patience, form, button);
    addEventListener("pageshow", (e) => { if (e.persisted) rest(form, button); });
  });
})();
