// Puts rows of the log where they belong as they come; without this script a link looks again.  They
// wait while somebody paused them, or is at a row: it would move away under the finger.
"use strict";

const MOST = 40;

function live(rows) {
  const source = new EventSource(rows.dataset.live);
  const pause = document.getElementById("pause");
  const waiting = [];
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";
  function show() {
    if (isPaused() || rows.matches(":hover, :focus-within") || rows.querySelector("details[open]")) return;
    while (waiting.length) rows.insertAdjacentHTML("afterbegin", waiting.shift());
    while (rows.children.length > MOST) rows.lastElementChild.remove();
  }
  source.onmessage = (event) => {
    waiting.push(event.data);
    waiting.splice(0, waiting.length - MOST);
    show();
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", !isPaused());
    show();
  });
  rows.addEventListener("pointerleave", show);
  setInterval(show, 1000);
}

document.querySelectorAll("[data-live]").forEach(live);
