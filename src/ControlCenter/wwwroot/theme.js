// Before the first paint, so that a chosen theme never flashes the other one. A file, because the policy forbids inline script.
const chosen = localStorage.getItem("cc-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
