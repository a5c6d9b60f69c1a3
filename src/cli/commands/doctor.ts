/** `viv doctor`: looks whether everything that Vivarium keeps on this host is as it should be, and mends it when asked. */
import { Command } from 'commander';
import { repairStore, verifyStore } from '../../oci/store/verify.ts';
import { action, interruptible } from '../action.ts';
import { humanSize } from '../format/human.ts';
import { openContainers } from '../containers.ts';
import { openStore } from '../registry-settings.ts';

/** What one check found. A line each; problems are what a user should do something about. */
interface Finding {
  readonly ok: readonly string[];
  readonly problems: readonly string[];
  readonly repaired: readonly string[];
}

type Check = (options: { readonly repair: boolean; readonly signal: AbortSignal }) => Promise<Finding>;

/** A check is a function and a line here. */
const CHECKS: readonly Check[] = [checkStore, checkContainers];

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('check what is kept on this host')
    .description(
      'Checks the image store, reading all of it against its digests, and the records of containers and pods. The status is 1\n' +
        'when something is wrong.',
    )
    .option('--repair', 'remove what is corrupt or left over; images can be pulled again')
    .action(
      action(async ({ repair = false }: { readonly repair?: boolean }) => {
        let problemCount = 0;
        for (const check of CHECKS) {
          const { ok, problems, repaired } = await interruptible((signal) => check({ repair, signal }));
          for (const line of ok) process.stdout.write(`ok: ${line}\n`);
          for (const line of problems) process.stdout.write(`problem: ${line}\n`);
          for (const line of repaired) process.stdout.write(`repaired: ${line}\n`);
          problemCount += problems.length;
        }
        return problemCount > 0 ? 1 : 0;
      }),
    );
}

async function checkStore({ repair, signal }: Parameters<Check>[0]): Promise<Finding> {
  const store = openStore();
  const report = await verifyStore(store, signal);
  const { images, blobs, bytes, unused, partials, problems } = report;
  if (problems.length === 0) {
    const spare = `${unused} unused blobs, ${partials} interrupted downloads`;
    return {
      ok: [`${store.what}: ${images} images, ${blobs} blobs of ${humanSize(bytes)}, ${spare}`],
      problems: [],
      repaired: [],
    };
  }
  if (!repair) {
    const lines = problems.map(({ message }) => `${store.what}: ${message}`);
    return { ok: [], problems: [...lines, 'run viv doctor --repair, then pull what is incomplete'], repaired: [] };
  }
  const { removedBlobs, incomplete, oldIndex } = await repairStore(store, report);
  const left = incomplete.length > 0 ? [] : (await verifyStore(store, signal)).problems.map(({ message }) => message);
  return {
    ok: [],
    repaired: [
      ...(removedBlobs > 0 ? [`${removedBlobs} corrupt blobs removed`] : []),
      ...(oldIndex === undefined
        ? []
        : [`the list of images made anew, without their names; the old one is ${oldIndex}`]),
    ],
    problems: [...left, ...incomplete.map((name) => `${name} is incomplete now; pull it again`)],
  };
}

async function checkContainers({ repair }: Parameters<Check>[0]): Promise<Finding> {
  const store = openContainers();
  const lost = await store.lost();
  const left = await store.tidy(repair);
  if (repair) await store.settle();
  const { containers, problems: corrupt } = await store.list();
  const { pods, problems: corruptPods } = await store.pods.list();
  const stale = [...lost.map((id) => `container ${id} is said to run, but its supervisor is dead`), ...left];
  const problems = [...corrupt, ...corruptPods].map(({ message }) => message);
  const advice = !repair && stale.length > 0 ? ['run viv doctor --repair'] : [];
  const isFine = problems.length === 0 && (repair || stale.length === 0);
  return {
    ok: isFine ? [`${containers.length} containers, ${pods.length} pods`] : [],
    problems: [...problems, ...(repair ? [] : stale), ...advice],
    repaired: repair ? stale : [],
  };
}
