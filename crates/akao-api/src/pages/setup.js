// The setup of a server: the code stands behind the # of the link and is sent with the form alone.
"use strict";
const told = document.getElementById("told");
const form = document.getElementById("setup");
let csrf = null;

async function post(path, body) {
  const headers = { "content-type": "application/json" };
  if (csrf) headers["x-csrf-token"] = csrf;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error([answer.detail, answer.suggestion].filter(Boolean).join(". "));
  return answer;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form));
  try {
    const answer = await post("/api/v1/setup", { code: location.hash.slice(1), ...values });
    csrf = answer.csrf;
    history.replaceState(null, "", location.pathname);
    form.hidden = true;
    told.textContent = `${answer.tenant} is ready, and ${answer.email} owns it.`;
    document.getElementById("next").hidden = false;
  } catch (error) {
    told.textContent = error.message;
  }
});

document.getElementById("token").addEventListener("click", async () => {
  try {
    const answer = await post("/api/v1/tokens", { name: "first token" });
    document.getElementById("secret").textContent = answer.secret;
  } catch (error) {
    told.textContent = error.message;
  }
});
