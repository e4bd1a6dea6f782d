// Browsers keep a page in memory for the back button although it is no-store.
// Whoever goes back after signing out must not see it: it leaves empty, and asks
// the server again when it comes back.
addEventListener("pagehide", () => { document.documentElement.hidden = true; });
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
