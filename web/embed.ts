/**
 * The page for an iframe: embed.html?lab=labs/first-steps&step=ID, or ?image=busybox for a machine alone; `&origin=` names the origin
 * of the page around it, which may then talk to it (web/embed/protocol.ts).
 */
import { EmbedServer } from './embed/embed-server.ts';
import { allowedOrigins } from './embed/origins.ts';
import { labTarget, machineTarget, type EmbedTarget } from './embed/targets.ts';
import { labAddress } from './lab/lab-address.ts';
import { siteBase } from './site/base.ts';
import { keepOffline } from './site/offline.ts';
import { sentenceOf, shown } from './ui/sentences.ts';

const main = document.querySelector('main')!;
const query = new URLSearchParams(location.search);
const server = new EmbedServer({
  host: window,
  parent: window.parent === window ? undefined : window.parent,
  origins: allowedOrigins(query, document),
});
try {
  const target = await makeTarget();
  // The machine comes first.
  target.element.addEventListener('viv-ready', () => void keepOffline(siteBase()));
  main.append(target.element);
  server.serve(target);
} catch (error) {
  const problem = document.createElement('p');
  problem.setAttribute('role', 'alert');
  problem.textContent = shown(sentenceOf(error));
  main.append(problem);
  server.refuse(error);
}

async function makeTarget(): Promise<EmbedTarget> {
  if (query.has('lab')) {
    await import('./lab/lab-element.ts');
    return labTarget(labAddress(query), query.get('step') ?? undefined);
  }
  await import('./machine/machine-element.ts');
  return machineTarget(query);
}
