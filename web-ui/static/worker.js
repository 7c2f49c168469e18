// The worker of an app: of the child's page at /worker.js, of the dashboard at /guardian/worker.js.
// It keeps one page that says what held when there was a connection, and until when that is so;
// every other page comes from copdns, or not at all.  And it shows the notices that copdns sends.
"use strict";

const BASE = new URL(self.registration.scope).pathname;
const STATE = `${BASE}offline`;
const EMPTY = `${BASE}offline/empty`;
const KEPT = `copdns ${BASE}`;
const NEEDS = /(?:href|src)="(\/static\/[^"]+\.(?:css|svg)\?[^"]+)"/g;

self.addEventListener("install", (event) => {
  event.waitUntil(keep(EMPTY).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim().then(look));
});

// What was there is replaced only by what came whole.
async function keep(path) {
  const reply = await fetch(path, { credentials: "same-origin", redirect: "manual" });
  if (reply.status >= 500) return;
  const kept = await caches.open(KEPT);
  if (reply.status !== 200) {
    await kept.delete(path); // logged out, or no longer linked
    return;
  }
  const page = await reply.clone().text();
  const needs = [...new Set([...page.matchAll(NEEDS)].map((found) => found[1]))]; // twice is an error
  await kept.addAll(needs);
  await kept.put(path, reply);
  for (const old of await kept.keys()) {
    const { pathname, search } = new URL(old.url);
    const isOld = pathname.startsWith("/static/") && !needs.includes(pathname + search);
    if (isOld) await kept.delete(old); // both pages need the same
  }
}

async function look() {
  try {
    await keep(EMPTY);
    await keep(STATE);
  } catch {
    // No connection: what was kept says itself until when it holds.
  }
}

async function forget() {
  await (await caches.open(KEPT)).delete(STATE);
}

// What held, while that may still be so; else the page that knows nothing.
async function stands() {
  const kept = await caches.open(KEPT);
  const state = await kept.match(STATE);
  const now = Date.now() / 1000;
  const holds = state && Number(state.headers.get("Copdns-From")) - 60 <= now && now < Number(state.headers.get("Copdns-Until"));
  const page = holds ? state : await kept.match(EMPTY);
  if (!page) return Response.error();
  // Not 200: nothing may take it for the page that was asked for.
  return new Response(page.body, { status: 503, headers: page.headers });
}

async function visit(event) {
  try {
    const reply = await fetch(event.request);
    event.waitUntil(look());
    return reply;
  } catch {
    return stands();
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  // The dashboard has a worker of its own, or none.
  const isOurs = pathname.startsWith(BASE) && (BASE !== "/" || !pathname.startsWith("/guardian"));
  if (request.mode === "navigate" && isOurs) {
    if (request.method === "GET") event.respondWith(visit(event));
    else if (pathname.endsWith("/logout")) event.waitUntil(forget());
  } else if (origin === location.origin && pathname.startsWith("/static/") && request.method === "GET") {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});

self.addEventListener("push", (event) => {
  const told = event.data.json();
  event.waitUntil(self.registration.showNotification(told.title, {
    body: told.body, tag: told.tag, renotify: true, lang: told.lang, dir: told.dir,
    icon: "/static/icon-192.png", data: told.path,
  }));
});

// The push service gave this browser another address; what it is told stays as chosen.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil((async () => {
    const asked = event.newSubscription ?? await self.registration.pushManager.subscribe(event.oldSubscription.options);
    const { endpoint, keys } = asked.toJSON();
    await fetch(`${BASE}app/notices`, { method: "POST", body: new URLSearchParams({ endpoint, ...keys }) });
  })());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(new URL(event.notification.data, location.origin).href));
});

async function show(url) {
  for (const tab of await self.clients.matchAll({ type: "window" })) {
    if (tab.url === url) return tab.focus();
  }
  return self.clients.openWindow(url);
}
