/** Workers of machines. One may load while the site is opened, before it is known what it will run. */
import { workerFailure } from '../../src/worker/web.ts';
import workerUrl from '../machine-worker.ts?worker&url';

/** A worker whose script loads, and what becomes of it meanwhile. */
export interface LoadingWorker {
  readonly worker: Worker;
  /** Rejects when its script does not load, or throws. Never resolves. */
  readonly failure: Promise<never>;
}

export function loadWorker(): LoadingWorker {
  const worker = startWorker();
  return { worker, failure: workerFailure(worker) };
}

/** A worker that loads from now on, for the first machine; those that follow have workers of their own. */
export class EarlyWorker {
  #loading: LoadingWorker | undefined = loadWorker();

  /** Gives it away, once. */
  take(): LoadingWorker | undefined {
    const loading = this.#loading;
    this.#loading = undefined;
    return loading;
  }

  /** Ends it, unless it was given away. */
  end(): void {
    this.take()?.worker.terminate();
  }
}

/** A page may use a site of another origin, whose scripts a worker may only import. */
function startWorker(): Worker {
  const url = new URL(workerUrl, import.meta.url);
  if (url.origin === location.origin) return new Worker(url, { type: 'module' });
  const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
  const blobUrl = URL.createObjectURL(script);
  const worker = new Worker(blobUrl, { type: 'module' });
  worker.addEventListener('message', () => URL.revokeObjectURL(blobUrl), { once: true });
  return worker;
}
