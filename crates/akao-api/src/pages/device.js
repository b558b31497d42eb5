// Lets a program of a terminal in: somebody signs in, and types the code that the terminal shows.
"use strict";
const element = (id) => document.getElementById(id);
let csrf = null;

async function ask(method, path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  if (csrf) headers["x-csrf-token"] = csrf;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) {
    const error = new Error([answer.detail, answer.suggestion].filter(Boolean).join(". "));
    error.code = answer.code;
    throw error;
  }
  return answer;
}

function signedIn(me) {
  csrf = me.csrf;
  element("who").textContent = `${me.email ?? me.name} of ${me.tenant}`;
  element("sign-in").hidden = true;
  element("providers").hidden = true;
  element("allow").hidden = false;
}

async function providers() {
  const { items } = await ask("GET", "/api/v1/oidc");
  for (const { provider, title } of items) {
    const link = document.createElement("a");
    link.href = `/api/v1/oidc/${encodeURIComponent(provider)}/login`;
    link.textContent = `Sign in by ${title}, then come back to this page`;
    element("providers").append(link, document.createElement("br"));
  }
  element("providers").hidden = items.length === 0;
}

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  if (!values.totp) delete values.totp;
  try {
    signedIn(await ask("POST", "/api/v1/session", values));
    element("told").textContent = "";
  } catch (error) {
    if (error.code === "second_factor_required") element("second").hidden = false;
    element("told").textContent = error.message;
  }
});

element("allow").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { name } = await ask("POST", "/api/v1/device/allow", Object.fromEntries(new FormData(event.target)));
    element("told").textContent = `“${name}” is let in. You can close this page.`;
    element("allow").hidden = true;
  } catch (error) {
    element("told").textContent = error.message;
  }
});

ask("GET", "/api/v1/me").then(signedIn, () => {
  element("sign-in").hidden = false;
  return providers();
});
