/** Progress of long steps: a line that rewrites itself on a terminal, a plain line now and then elsewhere. */

const PLAIN_INTERVAL_MS = 15_000;
const TERMINAL_INTERVAL_MS = 200;

/** Seconds as "m:ss". */
export function clock(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Starts a progress display; update(text) is cheap to call often, end(text) prints the last line with the time. */
export function startProgress(label, stream = process.stderr) {
  const started = Date.now();
  const interval = stream.isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
  let last = '';
  const show = () => {
    const line = `${label}: ${last || 'working'} (${clock(Date.now() - started)})`;
    stream.write(stream.isTTY ? `\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}` : `${line}\n`);
  };
  const timer = setInterval(show, interval);
  timer.unref();
  const finish = (text) => {
    clearInterval(timer);
    stream.write(`${stream.isTTY ? '\r\x1b[K' : ''}${label}: ${text} (${clock(Date.now() - started)})\n`);
  };
  return {
    update(text) {
      last = text;
    },
    end: finish,
  };
}
