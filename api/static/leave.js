// Whoever logs out leaves nothing behind: what they had begun to fill in goes from this tab.

for (const form of document.querySelectorAll("form[action='/logout']")) {
  form.addEventListener("submit", () => {
    document.body.dataset.leaving = "yes"; // nothing is kept any more from now on
    sessionStorage.clear();
  });
}
