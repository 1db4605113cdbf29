// Follows an order on our success and cancel pages. The server alone words what is shown: this
// script hides the ticket, listens for changes, and fetches the page's parts again.
"use strict";

const POLL_MS = 2000;
const POLLS_BEFORE_NEXT_STREAM = 5;
// The server sends something every 15 s: a stream silent for longer is dead, and does not say so.
const SILENCE_MS = 40000;

const main = document.querySelector("main");
const address = new URL(location.href);
const job = main.dataset.job || address.searchParams.get("job_id") || "";
const ticket = takeTicket();

function takeTicket() {
  const key = `counterfoil-ticket:${job}`;
  const given = address.searchParams.get("ticket");
  if (given) {
    address.searchParams.delete("ticket");
    history.replaceState(history.state, "", address);
  }
  try {
    if (given) sessionStorage.setItem(key, given);
    return given || sessionStorage.getItem(key);
  } catch {
    return given; // A browser that keeps nothing: it works until the page is left.
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isOver = () => main.dataset.state === "settled";

function ask(path, signal) {
  return fetch(path, {
    headers: { Authorization: `Bearer ${ticket}` },
    cache: "no-store",
    referrerPolicy: "no-referrer",
    signal,
  });
}

async function refresh() {
  const query = new URLSearchParams({ job_id: job });
  const answer = await ask(`/payment/${main.dataset.page}?${query}`, AbortSignal.timeout(10000));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = fresh.querySelector("main");
  if (!shown) throw new Error("not a page of ours");
  for (const part of main.querySelectorAll("[data-part]")) {
    const next = shown.querySelector(`[data-part="${part.dataset.part}"]`);
    if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
  }
  main.dataset.state = shown.dataset.state;
  main.dataset.mood = shown.dataset.mood;
  document.title = fresh.title;
}

async function listen() {
  const ending = new AbortController();
  let alarm;
  const reset = () => {
    clearTimeout(alarm);
    alarm = setTimeout(() => ending.abort(), SILENCE_MS);
  };
  try {
    reset();
    const answer = await ask(`/api/jobs/${encodeURIComponent(job)}/events`, ending.signal);
    if (!answer.ok) throw new Error(`refused: ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let kept = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      reset();
      const events = (kept + value).split("\n\n");
      kept = events.pop();
      if (events.some((event) => event.startsWith("event: job"))) await refresh();
      if (isOver()) return;
    }
  } finally {
    clearTimeout(alarm);
    ending.abort();
  }
}

async function poll() {
  for (let turn = 0; turn < POLLS_BEFORE_NEXT_STREAM && !isOver(); turn += 1) {
    await pause(POLL_MS);
    await refresh().catch(() => undefined);
  }
}

async function follow() {
  if (!job || !ticket) return;
  if (main.dataset.state === "closed") await refresh().catch(() => undefined);
  while (!isOver()) {
    await listen().catch(poll);
    if (!isOver()) await pause(500);
  }
}

follow();
