"use strict";
// The page works without this: the numbers of the test cards are there to be typed.

const field = (name) => document.querySelector(`input[name="${name}"]`);

function fill(name, value) {
  const input = field(name);
  if (input && !input.readOnly) input.value = value;
}

function fillIfEmpty(name, value) {
  const input = field(name);
  if (input && !input.value) fill(name, value);
}

for (const button of document.querySelectorAll("button[data-fill]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const year = String((new Date().getFullYear() + 3) % 100).padStart(2, "0");
    fillIfEmpty("email", "customer@example.com");
    fillIfEmpty("name", "Sandbox Customer");
    fill(button.dataset.into, button.dataset.fill);
    fill("expiry", `12 / ${year}`);
    fill("cvc", "123");
    document.querySelector("form button[type=submit]").focus();
  });
}

// Only while typing at the end, so that corrections in the middle are left alone.
function groupWhileTyping(name, isWhole, separator) {
  const input = field(name);
  if (!input) return;
  input.addEventListener("input", (event) => {
    const atEnd = input.selectionStart === input.value.length;
    if (event.inputType === "insertText" && atEnd && isWhole(input.value)) input.value += separator;
  });
}

groupWhileTyping("number", (typed) => /^(\d{4} ){0,2}\d{4}$/.test(typed) && !/^3[47]/.test(typed), " ");
groupWhileTyping("expiry", (typed) => /^(0[1-9]|1[0-2])$/.test(typed), " / ");
