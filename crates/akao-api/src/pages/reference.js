// The page of the interface: lists what the OpenAPI document says, and asks the server on request.
"use strict";

const node = (name, attributes, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};

const byId = (id) => document.getElementById(id);

// An example of a schema, a few levels deep.
const example = (schema, schemas, depth = 0) => {
  if (!schema || depth > 5) return null;
  if (schema.$ref) return example(schemas[schema.$ref.split("/").pop()], schemas, depth + 1);
  for (const key of ["anyOf", "allOf", "oneOf"]) {
    if (schema[key]) return example(schema[key][0], schemas, depth + 1);
  }
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") {
    const made = {};
    for (const name of schema.required || []) made[name] = example((schema.properties || {})[name], schemas, depth + 1);
    return made;
  }
  return { string: "", integer: schema.minimum || 0, number: 0, boolean: false, array: [] }[type] ?? null;
};

let csrf = null;

const headersFor = async (method) => {
  const token = byId("token").value.trim();
  if (token) return { authorization: "Bearer " + token };
  if (method === "get") return {};
  if (!csrf) {
    const me = await fetch("/api/v1/me");
    if (me.ok) csrf = (await me.json()).csrf;
  }
  return csrf ? { "x-csrf-token": csrf } : {};
};

const shownResponses = (operation) => {
  const list = node("ul");
  for (const [status, response] of Object.entries(operation.responses)) {
    const schema = Object.values(response.content || {})[0]?.schema;
    const name = schema?.$ref?.split("/").pop() || "";
    list.append(node("li", {}, node("code", {}, status), " " + response.description + " ", node("code", {}, name)));
  }
  return list;
};

const body = (method, path, operation, schemas) => {
  const fields = node("div", { class: "fields" });
  const inputs = (operation.parameters || []).map((parameter) => {
    const input = node("input", { placeholder: parameter.in });
    fields.append(node("label", { title: parameter.description }, parameter.name + (parameter.required ? " *" : ""), input));
    return { parameter, input };
  });
  const media = operation.requestBody && Object.entries(operation.requestBody.content)[0];
  const text = media ? node("textarea", { "aria-label": "Body", spellcheck: "false" }) : null;
  if (text) text.value = JSON.stringify(example(media[1].schema, schemas), null, 2);
  const answer = node("pre", { class: "hidden", tabindex: "0" });
  const send = node("button", { type: "button" }, "Send");
  send.addEventListener("click", async () => {
    const headers = await headersFor(method);
    let address = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of inputs) {
      if (!input.value) continue;
      if (parameter.in === "path") address = address.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
      if (parameter.in === "query") query.append(parameter.name, input.value);
      if (parameter.in === "header") headers[parameter.name] = input.value;
    }
    if (text) headers["content-type"] = "application/json";
    answer.classList.remove("hidden");
    answer.textContent = "…";
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 15000);
    try {
      const asked = address + (query.size ? "?" + query : "");
      const response = await fetch(asked, { method: method.toUpperCase(), headers, body: text ? text.value : undefined, signal: stop.signal });
      const got = await response.text();
      let shown = got;
      try { shown = JSON.stringify(JSON.parse(got), null, 2); } catch { /* It is not JSON. */ }
      answer.textContent = response.status + " " + response.statusText + "\n" + shown;
    } catch (problem) {
      answer.textContent = String(problem);
    } finally {
      clearTimeout(timer);
    }
  });
  const whole = node("div", {}, node("p", {}, operation.description), fields);
  if (text) whole.append(text);
  whole.append(send, answer, node("h3", {}, "Answers"), shownResponses(operation));
  return whole;
};

const show = (api) => {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method, operation });
    }
  }
  const main = byId("operations");
  main.replaceChildren();
  for (const tag of [...groups.keys()].sort()) {
    byId("groups").append(node("a", { href: "#" + tag }, tag));
    const section = node("section", { id: tag }, node("h2", {}, tag));
    for (const { path, method, operation } of groups.get(tag)) {
      const head = node("summary", {}, node("span", { class: "method" }, method.toUpperCase()), node("code", {}, path), node("span", { class: "soft" }, operation.summary));
      const one = node("details", { id: operation.operationId, "data-text": (path + " " + operation.summary).toLowerCase() }, head);
      one.addEventListener("toggle", () => {
        if (one.open && one.children.length === 1) one.append(body(method, path, operation, api.components.schemas));
      });
      section.append(one);
    }
    main.append(section);
  }
};

byId("find").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const one of document.querySelectorAll("details")) one.classList.toggle("hidden", !one.dataset.text.includes(wanted));
  for (const section of document.querySelectorAll("section")) {
    section.classList.toggle("hidden", !section.querySelector("details:not(.hidden)"));
  }
});
byId("who").addEventListener("submit", (event) => event.preventDefault());

fetch("/api/v1/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((problem) => { byId("operations").textContent = "The document cannot be read: " + problem; });
