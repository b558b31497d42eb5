// Loads each module, since one that needs Node.js is found out by trying.
const loaded = [];
const refused = {};
for (const name of modules) {
  try {
    await import(name);
    loaded.push(name);
  } catch (error) {
    refused[name] = String(error?.message ?? error).slice(0, 300);
  }
}
return { modules: loaded, refused };
