// Copy and drop: all else works without. No text becomes markup here.
"use strict";

const told = document.getElementById("told");
let quiet = 0;

function tell(words) {
  told.textContent = words;
  clearTimeout(quiet);
  quiet = setTimeout(() => { told.textContent = ""; }, 4000);
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      tell(`Copied: ${button.dataset.told}.`);
    } catch {
      tell("This browser does not let it be copied: mark the text, and copy it.");
    }
  });
}

for (const form of document.querySelectorAll("form.drop")) {
  const input = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length !== 1) {
      tell("Drop one photo.");
      return;
    }
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
  form.addEventListener("submit", () => tell("The service scores the photo…"));
}
