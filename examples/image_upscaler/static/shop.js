/* Makes the shop livelier. Everything works without it, only less smoothly. */
"use strict";

document.documentElement.classList.add("script");

const byId = (id) => document.getElementById(id);

function uploads(form) {
  const file = byId("file");
  const drop = byId("drop");
  const news = byId("upload-news");
  const most = Number(form.dataset.bytesMax);

  const send = () => {
    const chosen = file.files[0];
    if (!chosen) return;
    if (chosen.size > most) {
      news.textContent = `“${chosen.name}” is larger than the ${Math.floor(most / 1048576)} MB we can take.`;
      form.reset();
      return;
    }
    news.textContent = `Uploading “${chosen.name}” …`;
    drop.classList.add("busy");
    form.submit();
  };
  file.addEventListener("change", send);

  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", (event) => {
    if (!drop.contains(event.relatedTarget)) drop.classList.remove("over");
  });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      file.files = event.dataTransfer.files;
      send();
    }
  });
  // Beside the zone, a dropped file would replace this page.
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => event.preventDefault());
  }
  // Back from the next page: what this page remembers of an upload is over.
  window.addEventListener("pageshow", () => {
    drop.classList.remove("busy");
    news.textContent = "";
    form.reset();
  });
}

function watch(order) {
  const say = (id, text) => {
    const place = byId(id);
    if (place && place.textContent !== text) place.textContent = text;
  };

  const show = (told) => {
    say("headline", told.headline);
    say("detail", told.detail);
    say("news", "");
    document.title = `${told.headline} · Bigger Picture`;
    order.className = `card state ${told.tone}`;
    const progress = byId("progress");
    progress.hidden = told.progress === null;
    progress.value = told.progress ?? 0;
    byId("may-pay").hidden = !told.may_pay;
    const steps = byId("steps");
    steps.hidden = told.step === null;
    [...steps.children].forEach((step, index) => {
      step.className = index < told.step ? "done" : index === told.step ? "now" : "";
      if (index === told.step) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
  };

  const look = async () => {
    try {
      const answer = await fetch(order.dataset.watch, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      if (told.page !== order.dataset.page) {
        location.reload();
        return;
      }
      if (told.page === "waiting") show(told);
    } catch {
      say("news", "We cannot ask how far it is at the moment. Trying again …");
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

function compare(section) {
  const split = byId("split");
  const closer = byId("closer");
  const move = () => section.style.setProperty("--split", `${split.value}%`);
  split.addEventListener("input", move);
  closer.addEventListener("change", () => section.classList.toggle("closer", closer.checked));
  move();
}

if (byId("upload")) uploads(byId("upload"));
if (byId("order")?.dataset.watch) watch(byId("order"));
if (byId("compare")) compare(byId("compare"));
