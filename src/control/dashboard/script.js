"use strict";
// Puts the parts of the page that /events sends in their places. They are HTML that the server has drawn (dashboard/draw.rs), every text
// in them escaped there; what this script itself says only ever enters as text.

const byId = (id) => document.getElementById(id);
const drawn = new Map();

function draw(parts) {
  // Whoever is on a button stays there though its table is drawn again.
  const on = document.activeElement?.dataset.change;
  for (const [id, html] of Object.entries(parts)) {
    // Some parts are read aloud: touch them only when there is news.
    if (drawn.get(id) === html) continue;
    drawn.set(id, html);
    byId(id).innerHTML = html;
  }
  if (on && document.activeElement === document.body) {
    document.querySelector(`[data-change="${CSS.escape(on)}"]`)?.focus();
  }
}

const link = byId("link");
const say = (text) => { if (link.textContent !== text) link.textContent = text; };
const stream = new EventSource("/events");
stream.onmessage = (event) => { draw(JSON.parse(event.data)); say("Live, once a second"); };
stream.onerror = () => say("The exchange does not answer: these are the last figures. Trying again …");

// What came of it is in the next event; only what the event cannot show is said here.
async function change(button, path, body) {
  button.disabled = true;
  byId("said").textContent = "";
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (answer.status === 401) {
      window.location.assign("/login");
      return;
    }
    const told = await answer.json();
    byId("said").textContent = told.error ? told.error.message : told.note || "";
  } catch (error) {
    byId("said").textContent = `No answer: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (!button) return;
  if (button.id === "reload") change(button, "/api/v1/reload", {});
  const path = button.dataset.change;
  if (!path) return;
  const reason = window.prompt(`${button.textContent}: why? The reason stays in the audit log.`);
  if (reason && reason.trim()) change(button, path, { reason: reason.trim() });
});
