// Keeps every file of the page, so that it opens without a network after the first visit. VERSION and FILES are
// written by stages/commands/web.py from the files themselves.
const VERSION = "@VERSION@", FILES = ["@FILES@"];
const OURS = "melanoma-kd-", CACHE = OURS + VERSION; // other pages of the host have caches of their own

self.addEventListener("install", event => {
  event.waitUntil(caches.open(CACHE).then(cache => cache.addAll(FILES.map(file => new Request(file, { cache: "reload" })))).then(() => self.skipWaiting()));
});
self.addEventListener("activate", event => {
  event.waitUntil(
    caches.keys().then(names => Promise.all(names.filter(name => name.startsWith(OURS) && name !== CACHE).map(name => caches.delete(name)))).then(() => self.clients.claim()),
  );
});
self.addEventListener("fetch", event => {
  event.respondWith(caches.match(event.request, { cacheName: CACHE, ignoreSearch: true }).then(found => found ?? fetch(event.request)));
});
