// Looks for news in the part of a page that says so, and puts it there; without this script the
// page has a link that does the same.
"use strict";

function follow(seconds, from, parts) {
  const wait = 1000 * Number(seconds);
  // As they came: what a reader has unfolded since is no news, and stays so.
  const last = new Map(parts.map((part) => [part, part.innerHTML]));
  async function look() {
    if (!document.hidden) {
      try {
        const reply = await fetch(from || location.href, { headers: { Accept: from ? "*/*" : "text/html" } });
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        for (const part of reply.ok ? parts : []) {
          const fresh = page.getElementById(part.id);
          if (fresh && fresh.innerHTML !== last.get(part)) {
            last.set(part, fresh.innerHTML);
            part.innerHTML = fresh.innerHTML;
          }
        }
      } catch {
        // Not reached: what is shown stays, and the next look tells.
      }
    }
    setTimeout(look, wait);
  }
  setTimeout(look, wait);
}

// One look for all parts that are as fresh; data-from: of a page that has no more.
const paces = new Map();
document.querySelectorAll("[data-fresh][id]").forEach((part) => {
  const pace = `${part.dataset.fresh} ${part.dataset.from ?? ""}`;
  paces.set(pace, [...(paces.get(pace) ?? []), part]);
});
paces.forEach((parts, pace) => follow(...pace.split(" "), parts));

// Where the pages about a person stand in one row, the one that is read is in sight.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
// A browser leaves a tab that has the focus half hidden, if half of it is in sight.
document.querySelector(".tabs")?.addEventListener("focusin", (event) =>
  event.target.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" }));

// Leaves a page so that going back does not lead there again.
document.querySelectorAll("a[data-leave]").forEach((link) => {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.replace(link.href);
  });
});
