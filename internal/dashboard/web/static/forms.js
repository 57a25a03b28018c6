// Keeps a form from being sent twice. While it is sent, its button shows the text of data-busy, and its status that of data-wait.
"use strict";
(() => {
  const patience = 30000; // ms, after which the form may be sent again
  const reset = (form, button) => {
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
    setTimeout(reset, patience, form, button);
    addEventListener("pageshow", (e) => { if (e.persisted) reset(form, button); });
  });
})();
