/** A process that changes records of containers, for tests that run several, or kill it: `HOME create NAME`, or `HOME churn`. */
import { ContainerStore } from '../../src/container/lifecycle/node-container-store.ts';
import { LogWriter } from '../../src/container/lifecycle/node-log-writer.ts';
import { SystemClock } from '../../src/container/lifecycle/node-clock.ts';
import { MACHINE, containerConfig } from './container-fixture.ts';

const [home = '', order = '', name = ''] = process.argv.slice(2);
const store = new ContainerStore({ home });

async function create(): Promise<void> {
  try {
    const { id } = await store.create(containerConfig(), { name, machine: MACHINE });
    process.stdout.write(`made ${id}\n`);
  } catch (error) {
    process.stdout.write(`refused ${(error as Error).message}\n`);
  }
}

/** Makes, renames, logs, changes and removes for ever. */
async function churn(): Promise<void> {
  for (let round = 0; ; round++) {
    const { id } = await store.create(containerConfig(), { name: `churn-${process.pid}`, machine: MACHINE });
    if (round === 0) process.stdout.write('begun\n');
    await store.changeState(id, (state) => ({ ...state, status: 'running' }));
    const log = await LogWriter.open({
      path: store.pathOf(id, 'container.log'),
      clock: new SystemClock(),
      maxFiles: 2,
      maxBytes: 100,
    });
    await log.write('stdout', new TextEncoder().encode('line\n'.repeat(20)));
    await log.close();
    await store.rename(id, `churned-${process.pid}`);
    await store.changeState(id, (state) => ({ ...state, status: 'exited' }));
    if (round % 3 !== 2) await store.remove(id);
    else await store.rename(id, `kept-${process.pid}-${round}`);
  }
}

await (order === 'create' ? create() : churn());
