// Starts the worker of the app that a page belongs to, and turns on notices in this browser.  Only
// pages that a browser trusts have this script; without it they do all the rest.
"use strict";

const { base } = document.currentScript.dataset;
const started = navigator.serviceWorker?.register(`${base}worker.js`).then(() => navigator.serviceWorker.ready);
started?.catch(() => {}); // the browser does not trust the certificate after all, or forbids it

const notices = document.querySelector("form[data-push]");

function say(what) {
  for (const each of notices.querySelectorAll("[data-said]")) each.hidden = each.dataset.said !== what;
}

async function turnOn(event) {
  event.preventDefault();
  say("");
  try {
    const worker = await started;
    if (!worker?.pushManager) return say("failed");
    if ((await Notification.requestPermission()) !== "granted") return say("denied");
    const before = await worker.pushManager.getSubscription();
    if (before && !notices.dataset.on) await before.unsubscribe(); // perhaps with another key
    const asked = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: notices.dataset.push });
    const { endpoint, keys } = asked.toJSON();
    notices.elements.endpoint.value = endpoint;
    notices.elements.p256dh.value = keys.p256dh;
    notices.elements.auth.value = keys.auth;
    notices.submit();
  } catch {
    say("failed");
  }
}

// Where notices are on, the form says only what about, and that needs no script.
if (notices && !notices.dataset.on) {
  notices.addEventListener("submit", turnOn);
  // Turned off here, or by somebody else: the browser's own note of it goes too.
  started?.then((worker) => worker.pushManager?.getSubscription()).then((old) => old?.unsubscribe()).catch(() => {});
}
