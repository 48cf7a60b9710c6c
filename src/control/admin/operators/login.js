"use strict";
// Shows a key once, for a cookie that no script can read. Leads back to a path of this site only.

const said = document.getElementById("said");

function next() {
  const to = new URLSearchParams(window.location.search).get("to") ?? "/";
  return /^\/(?![/\\])/.test(to) ? to : "/";
}

document.getElementById("login").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  said.textContent = "…";
  try {
    const answer = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key: document.getElementById("key").value.trim() }),
    });
    if (answer.ok) {
      window.location.assign(next());
      return;
    }
    const { error } = await answer.json();
    said.textContent = [error.zh, error.message].filter(Boolean).join(" · ");
  } catch (error) {
    said.textContent = `没有响应 · no answer: ${error.message}`;
  }
});
