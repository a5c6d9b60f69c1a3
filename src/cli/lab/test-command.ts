/** `viv lab test`. */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { loadLab } from '../../lab/format/parse.ts';
import { NodeLabFolder } from '../../lab/node-lab-folder.ts';
import { LabRun } from '../../lab/run/lab-run.ts';
import { testLab, type StepReport } from '../../lab/run/test-lab.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, interruptible } from '../action.ts';
import { junitXml } from './junit.ts';
import { startLabMachine } from './lab-machine.ts';
import { nodeLabClock } from './node-lab-clock.ts';

interface TestFlags {
  readonly step?: string;
  readonly junit?: string;
}

export function labTestCommand(): Command {
  return new Command('test')
    .summary('test labs: checks and solutions')
    .description(
      'Looks for mistakes in a lab, then goes through it on a machine: each check must fail before the solution of its step has run,\n' +
        'and pass afterwards. The status is 1 when a step fails, or the lab has mistakes.',
    )
    .argument('<dir>', "the lab's folder")
    .option('--step <id>', 'test this step only, and those that it needs')
    .option('--junit <file>', "write a report as JUnit's XML")
    .addHelpText(
      'after',
      '\nExample:\n  viv lab test first-steps\n  viv lab test --step secret --junit report.xml first-steps',
    )
    .action(action((folder: string, flags: TestFlags) => interruptible((signal) => test(folder, flags, signal))));
}

async function test(folder: string, { step, junit }: TestFlags, signal: AbortSignal): Promise<number> {
  const lab = await loadLab(new NodeLabFolder(folder));
  if (step !== undefined && !lab.steps.some(({ id }) => id === step))
    throw new VivariumError(
      ErrorCodes.NOT_FOUND,
      `the lab has no step ${JSON.stringify(step)}; it has ${lab.steps.map(({ id }) => id).join(', ')}`,
    );
  const clock = nodeLabClock();
  const begin = clock.now();
  const run = new LabRun({
    lab,
    clock,
    // Nobody resets this lab's steps.
    stepSnapshotsMax: 0,
    startComputer: (machine, options) => startLabMachine(folder, machine, options.signal),
  });
  const stop = (): void => void run.close().catch(() => {}); // the test's own end tells
  signal.addEventListener('abort', stop, { once: true });
  let reports: readonly StepReport[];
  try {
    await run.start();
    process.stdout.write(`${lab.title}: machines ready after ${seconds(clock.now() - begin)}\n`);
    reports = await testLab(run, { clock, only: step, onReport: tell });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', stop);
    await run.close();
  }
  if (junit !== undefined) writeReport(junit, junitXml(lab, reports));
  const failed = reports.filter(({ failure }) => failure !== undefined).length;
  const passed = `${reports.length - failed} of ${reports.length} steps passed`;
  process.stdout.write(`${passed} in ${seconds(clock.now() - begin)}\n`);
  return failed > 0 ? 1 : 0;
}

function tell({ id, failure, timings }: StepReport): void {
  const times = timings.map(({ what, durationMs }) => `${what} ${seconds(durationMs)}`).join(', ');
  const line = `${failure === undefined ? 'ok    ' : 'FAILED'} ${id}${times === '' ? '' : ` (${times})`}\n`;
  process.stdout.write(failure === undefined ? line : `${line}       ${failure}\n`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new VivariumError(ErrorCodes.FILES, `the report ${path} can't be written; check the path`, { cause: error });
  }
}
