"use strict";
// Shows changes as they come and sends the form without leaving the page.
// Without this script the form posts, and the browser reloads.
(() => {
  const live = document.currentScript.dataset.live;
  const byId = (id) => document.getElementById(id);
  const normal = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.innerHTML;
  };
  const shown = new Map();
  for (const part of document.querySelectorAll("[data-part]")) shown.set(part.id, part.innerHTML);
  let sent = false;

  // What somebody has typed survives a change that others made.
  function replace(part, html) {
    const held = part.contains(document.activeElement);
    const before = part.querySelector("form");
    const boxes = (form) => [...form.querySelectorAll("input[type=checkbox]")];
    const kept = before && !sent && {
      open: before.closest("details").open,
      comment: before.elements.comment.value,
      checked: boxes(before).filter((box) => box.checked).map((box) => box.value),
    };
    part.innerHTML = html;
    const form = part.querySelector("form");
    if (form && kept) {
      form.closest("details").open = kept.open;
      form.elements.comment.value = kept.comment;
      for (const box of boxes(form)) box.checked = kept.checked.includes(box.value);
    }
    if (held) byId("title").focus();
    if (before) sent = false;
  }

  const source = new EventSource(live);
  source.onopen = () => (byId("connection").textContent = "");
  source.onerror = () => (byId("connection").textContent = "The rehearsal does not answer.");
  source.onmessage = (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) {
      const next = normal(html);
      if (shown.get(id) === next) continue;
      shown.set(id, next);
      replace(byId(id), html);
    }
  };
  source.addEventListener("end", () => {
    source.close();
    byId("connection").textContent = "The rehearsal has ended; this page stays as it is.";
  });

  document.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    sent = true;
    let refusal = "";
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/plain" } });
      if (!answer.ok) refusal = await answer.text();
    } catch {
      refusal = "The rehearsal does not answer.";
    }
    if (!refusal) return;
    sent = false;
    const place = form.querySelector("[role=alert]");
    if (place) place.textContent = refusal;
  });
})();
