"use strict";
// Sends what a reviewer decides. What stands on the page was escaped by the server; what comes back only ever enters as text.

const said = document.getElementById("said");

async function send(button) {
  const form = button.closest("[data-form]");
  const reason = form?.querySelector("textarea")?.value.trim().replace(/\s+/g, " ") ?? "";
  const reasons = [...(form?.querySelectorAll("input[name=reason]:checked") ?? [])].map((box) => box.value);
  const body = { reason };
  if (form?.dataset.reasons) body.reasons = reasons;
  if (form?.dataset.seen) body.seen = Number(form.dataset.seen);
  if (form?.querySelector("input[name=account]:checked") && button.dataset.account) body.suspend_account = true;
  button.disabled = true;
  said.textContent = "…";
  try {
    const answer = await fetch(button.dataset.send, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
      body: JSON.stringify(body),
    });
    if (answer.status === 401) {
      window.location.assign(`/login?to=${window.location.pathname}`);
      return;
    }
    const told = await answer.json();
    if (told.error) {
      said.textContent = [told.error.message_zh, told.error.message].filter(Boolean).join(" · ");
    } else {
      window.location.reload();
    }
  } catch (error) {
    said.textContent = `没有响应 · no answer: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (click) => {
  const button = click.target.closest("button[data-send]");
  if (button) send(button);
});
