/** Registers the site's service worker (web/service-worker.ts), which makes the next visit work without a network. */

/** @param base the site's folder. Does nothing where browsers have none, and while the site is worked on. */
export async function keepOffline(base: URL): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator) || base.origin !== location.origin) return;
  try {
    // The list of files that it loads is asked for as often as the script itself.
    await navigator.serviceWorker.register(new URL('service-worker.js', base), { updateViaCache: 'none' });
  } catch {
    // A private window, perhaps. The page works, as long as there is a network.
  }
}
