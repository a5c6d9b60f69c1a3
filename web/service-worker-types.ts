/** What a service worker has, as far as ours uses it: TypeScript's library for it can't be used beside that of pages. Service Workers, §4. */

export interface ExtendableEvent extends Event {
  waitUntil(task: Promise<unknown>): void;
}

export interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

export interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  /** Hashes of the site's files by path, and of all of that. */
  readonly vivariumFiles: { readonly version: string; readonly files: Readonly<Record<string, string>> };
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}
