/** `viv doctor`: looks whether everything that Vivarium keeps on this host is as it should be, and mends it when asked. */
import { Command } from 'commander';
import { repairStore, verifyStore } from '../../oci/store/verify.ts';
import { action, interruptible } from '../action.ts';
import type { Check, CheckOptions, Finding } from '../checks/finding.ts';
import { checkFolders, checkRuntimeFolder } from '../checks/folders.ts';
import { checkCore, checkGuest } from '../checks/guest.ts';
import { checkMemory, checkNode, checkSpace, checkWebAssembly } from '../checks/host.ts';
import { humanSize } from '../format/human.ts';
import { openContainers } from '../containers.ts';
import { openStore } from '../registry-settings.ts';

/** A check is a function and a line here. */
const CHECKS: readonly Check[] = [
  checkStore,
  checkContainers,
  checkNode,
  checkWebAssembly,
  checkCore,
  checkGuest,
  checkMemory,
  checkSpace,
  checkFolders,
  checkRuntimeFolder,
];

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('check this host and what is kept on it')
    .description(
      'Checks the image store, reading all of it against its digests, and the records of containers and pods, then what Vivarium\n' +
        'needs: Node, WebAssembly, the CPU core, the guest, memory, room, folders. The status is 1 when something is wrong; a\n' +
        'warning does not count.',
    )
    .option('--repair', 'remove what is corrupt or left over; images can be pulled again')
    .addHelpText('after', '\nExample:\n  viv doctor --repair')
    .action(
      action(async ({ repair = false }: { readonly repair?: boolean }) => {
        let problemCount = 0;
        for (const check of CHECKS) {
          const found = await interruptible(async (signal) => check({ repair, signal }));
          const { ok = [], warnings = [], problems = [], repaired = [] } = found;
          for (const line of ok) process.stdout.write(`ok: ${line}\n`);
          for (const line of warnings) process.stdout.write(`warning: ${line}\n`);
          for (const line of problems) process.stdout.write(`problem: ${line}\n`);
          for (const line of repaired) process.stdout.write(`repaired: ${line}\n`);
          problemCount += problems.length;
        }
        return problemCount > 0 ? 1 : 0;
      }),
    );
}

async function checkStore({ repair, signal }: CheckOptions): Promise<Finding> {
  const store = openStore();
  const report = await verifyStore(store, signal);
  const { images, blobs, bytes, unused, partials, problems } = report;
  if (problems.length === 0) {
    const spare = `${unused} unused blobs, ${partials} interrupted downloads`;
    return {
      ok: [`${store.what}: ${images} images, ${blobs} blobs of ${humanSize(bytes)}, ${spare}`],
    };
  }
  if (!repair) {
    const lines = problems.map(({ message }) => `${store.what}: ${message}`);
    return { problems: [...lines, 'run viv doctor --repair, then pull what is incomplete'] };
  }
  const { removedBlobs, incomplete, oldIndex } = await repairStore(store, report);
  const left = incomplete.length > 0 ? [] : (await verifyStore(store, signal)).problems.map(({ message }) => message);
  return {
    repaired: [
      ...(removedBlobs > 0 ? [`${removedBlobs} corrupt blobs removed`] : []),
      ...(oldIndex === undefined
        ? []
        : [`the list of images made anew, without their names; the old one is ${oldIndex}`]),
    ],
    problems: [...left, ...incomplete.map((name) => `${name} is incomplete now; pull it again`)],
  };
}

async function checkContainers({ repair }: CheckOptions): Promise<Finding> {
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
