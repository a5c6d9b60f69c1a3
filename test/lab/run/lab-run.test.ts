import { describe, expect, test } from 'vitest';
import { LabRun } from '../../../src/lab/run/lab-run.ts';
import type { LabRunParts, ProgressStore } from '../../../src/lab/run/runner.ts';
import { NO_FEEDBACK, type LabEvent } from '../../../src/lab/run/state.ts';
import { ErrorCodes, VivariumError } from '../../../src/util/errors.ts';
import { FakeComputer } from '../../support/lab/fake-computer.ts';
import { settle, TestClock } from '../../support/lab/lab-clock.ts';
import { HEAD, labOf } from '../../support/lab/lab-folder.ts';

const POLL_MS = 3000;

/** Three steps: each puts down a file of its name; the second needs the first, the third is to be read. */
const LAB = `${HEAD}files: [{ path: /etc/motd, content: hello }]
steps:
  - id: one
    title: One
    text: One.
    init: put /init/one x
    check: |
      has /one
      say good
    hint: [First, Second]
    solution: put /one x
  - id: two
    title: Two
    text: Two.
    needs: one
    init: put /init/two x
    check: "say put /two down\\nhas /two"
    solution: put /two x
  - id: three
    title: Three
    text: Three.
`;

interface Fixture {
  readonly run: LabRun<FakeComputer>;
  readonly clock: TestClock;
  /** Every machine that was started. */
  readonly computers: FakeComputer[];
  readonly events: LabEvent[];
  /** Kinds of events other than `changed`. */
  readonly kinds: () => string[];
}

async function fixture(change: Partial<LabRunParts<FakeComputer>> & { yaml?: string } = {}): Promise<Fixture> {
  const { yaml = LAB, ...parts } = change;
  const computers: FakeComputer[] = [];
  const events: LabEvent[] = [];
  const clock = new TestClock();
  const run = new LabRun<FakeComputer>({
    lab: await labOf(yaml),
    clock,
    pollMs: POLL_MS,
    startComputer: async () => {
      const computer = new FakeComputer();
      computers.push(computer);
      return computer;
    },
    ...parts,
  });
  run.subscribe((event) => events.push(event));
  const kinds = (): string[] => events.map(({ kind }) => kind).filter((kind) => kind !== 'changed');
  return { run, clock, computers, events, kinds };
}

/** A lab that has started. */
async function started(change: Parameters<typeof fixture>[0] = {}): Promise<Fixture> {
  const made = await fixture(change);
  await made.run.start();
  return made;
}

/** A lab whose student is at step one. */
async function atOne(change: Parameters<typeof fixture>[0] = {}): Promise<Fixture> {
  const made = await started(change);
  await made.run.enter('one');
  return made;
}

const step = ({ run }: Fixture, id: string) => run.state.steps.find((one) => one.id === id)!;

/** A store in memory. */
function memoryStore(texts: Record<string, string> = {}): ProgressStore & { readonly texts: Record<string, string> } {
  return {
    texts,
    load: async (key) => texts[key],
    save: async (key, text) => void (texts[key] = text),
  };
}

describe('a lab that starts', () => {
  test('places its files, and is ready at its first step', async () => {
    const made = await started();

    expect(made.computers[0]!.disk.get('/etc/motd')).toBe('hello');
    expect(made.run.state).toMatchObject({ phase: 'ready', current: 'one', isComplete: false });
    expect(made.kinds()).toEqual(['ready']);
  });

  test('leaves a disk that an earlier visit has left as it is', async () => {
    const computer = new FakeComputer();
    computer.disk.set('/.vivarium-lab', 'trial\n').set('/etc/motd', "the student's");
    await started({ startComputer: async () => computer });

    expect(computer.disk.get('/etc/motd')).toBe("the student's");
  });

  test('that can’t start its machine has failed, and says why', async () => {
    const made = await fixture({
      startComputer: async () => {
        throw new VivariumError(ErrorCodes.NOT_FOUND, 'there is no image');
      },
    });

    await expect(made.run.start()).rejects.toThrow('there is no image');
    expect(made.run.state).toMatchObject({ phase: 'failed', failure: 'there is no image' });
  });

  test('closes the machines that have started when another does not', async () => {
    const computer = new FakeComputer();
    const yaml = LAB.replace('[{ image: busybox }]', '[{ image: busybox }, { image: busybox, name: b }]');
    const made = await fixture({
      yaml,
      startComputer: async ({ name }) => {
        if (name === 'b') throw new Error('no');
        return computer;
      },
    });

    await expect(made.run.start()).rejects.toThrow('no');
    expect(computer.isClosed).toBe(true);
  });

  test('is not started twice', async () => {
    const made = await started();
    await expect(made.run.start()).rejects.toThrow('started already');
  });
});

describe('a step', () => {
  test('is prepared once, however often the student comes to it', async () => {
    const made = await atOne();
    made.computers[0]!.disk.delete('/init/one');
    await made.run.enter('three');
    await made.run.enter('one');

    expect(step(made, 'one').preparation).toBe('done');
    expect(made.computers[0]!.disk.has('/init/one')).toBe(false);
    expect(made.kinds()).toEqual(['ready', 'entered', 'entered', 'entered']);
  });

  test('is prepared, checked and solved by the users that are meant', async () => {
    const made = await atOne({ yaml: LAB.replace('image: busybox', 'image: busybox, user: student, cwd: /home') });
    await made.run.runSolution('one');

    expect(made.computers[0]!.programs).toEqual([
      expect.objectContaining({ args: ['/bin/sh', '-e', '-c', 'put /init/one x'], user: '0:0', cwd: '/home' }),
      expect.objectContaining({ args: ['/bin/sh', '-e', '-c', 'put /one x'], user: 'student', cwd: '/home' }),
      expect.objectContaining({ user: '0:0', timeoutMs: 60_000 }),
    ]);
  });

  test('whose preparation fails says why, and is tried again', async () => {
    const made = await started({ yaml: LAB.replace('init: put /init/one x', 'init: "say bad luck\\nexit 3"') });
    await made.run.enter('one');
    expect(step(made, 'one')).toMatchObject({
      preparation: 'failed',
      problem: 'this step could not be prepared: bad luck',
    });
    await expect(made.run.check('one')).rejects.toThrow('the step "One" is not prepared; go to it first');

    await made.run.enter('one');

    expect(made.computers[0]!.programs).toHaveLength(2);
  });

  test('that is not open is shown, and prepared when it opens', async () => {
    const made = await atOne();
    made.computers[0]!.disk.set('/one', '');
    await made.run.enter('two');
    expect(step(made, 'two')).toMatchObject({ missing: ['one'], preparation: 'none' });
    await expect(made.run.check('two')).rejects.toThrow('the step "Two" opens when you have passed "One"');

    await made.run.check('one');
    await settle();

    expect(step(made, 'two')).toMatchObject({ missing: [], preparation: 'done' });
    expect(made.events).toContainEqual({ kind: 'passed', step: 'one', title: 'One', opened: ['two'] });
  });

  test('that is not there is named in an error', async () => {
    const made = await started();
    await expect(made.run.enter('four')).rejects.toThrow('the lab has no step "four"; it has one, two, three');
  });

  test('shows its hints one after the other', async () => {
    const made = await atOne();
    made.run.showHint('one');
    expect(step(made, 'one')).toMatchObject({ hints: [{ markdown: 'First' }], hintsLeft: 1 });

    made.run.showHint('one');

    expect(step(made, 'one')).toMatchObject({ hints: [{ markdown: 'First' }, { markdown: 'Second' }], hintsLeft: 0 });
    expect(() => made.run.showHint('one')).toThrow('there is no other hint for the step "One"');
  });

  test('shows its solution only when it is asked for', async () => {
    const made = await atOne();
    expect(step(made, 'one').solution).toEqual({ kind: 'hidden' });

    made.run.showSolution('one');

    expect(step(made, 'one').solution).toEqual({ kind: 'shown', text: 'put /one x', isRunning: false });
    expect(step(made, 'three').solution).toEqual({ kind: 'none' });
    expect(() => made.run.showSolution('three')).toThrow('has no solution');
  });

  test('is passed by its solution', async () => {
    const made = await atOne();

    expect(await made.run.runSolution('one')).toBe(true);
    expect(made.kinds()).toEqual(['ready', 'entered', 'solved', 'passed']);
  });

  test('whose solution does not work says so', async () => {
    const made = await atOne({ yaml: LAB.replace('solution: put /one x', 'solution: "complain oh\\nexit 2"') });

    expect(await made.run.runSolution('one')).toBe(false);
    expect(step(made, 'one').problem).toBe('the solution of this step does not work: oh');
  });

  test('without a check is done when the student says so', async () => {
    const made = await started();
    await expect(made.run.check('three')).rejects.toThrow();
    made.run.confirm('three');

    expect(step(made, 'three').isPassed).toBe(true);
    expect(() => made.run.confirm('one')).toThrow('has a check');
  });
});

describe('a check', () => {
  test('that fails gives its last line as feedback, and a plain word when it says nothing', async () => {
    const made = await atOne();
    expect(await made.run.check('one')).toBe(false);
    expect(step(made, 'one')).toMatchObject({ isPassed: false, feedback: NO_FEEDBACK });
    await made.run.runSolution('one');
    await made.run.enter('two');

    await made.run.check('two');

    expect(step(made, 'two').feedback).toBe('put /two down');
    expect(made.events.filter(({ kind }) => kind === 'feedback')).toEqual([
      { kind: 'feedback', step: 'one', text: NO_FEEDBACK },
      { kind: 'feedback', step: 'two', text: 'put /two down' },
    ]);
  });

  test('that is passed stays passed', async () => {
    const made = await atOne();
    await made.run.runSolution('one');
    await made.run.check('one');
    made.computers[0]!.disk.delete('/one');

    expect(await made.run.check('one')).toBe(false);
    expect(step(made, 'one').isPassed).toBe(true);
    expect(made.kinds().filter((kind) => kind === 'passed')).toHaveLength(1);
  });

  test.each([
    ['exit 127', 'it calls a program that is not there'],
    ['"complain sh: grpe: not found\\nexit 127"', 'sh: grpe: not found'],
    ['hang', 'it takes longer than 60 s'],
    ['"#!/bin/none\\nx"', 'the image has no program "/bin/none"'],
  ])('that does not work at all is no "not yet": %s', async (check, reason) => {
    const made = await atOne({ yaml: LAB.replace('check: |\n      has /one\n      say good', `check: ${check}`) });

    expect(await made.run.check('one')).toBe(false);
    expect(step(made, 'one')).toMatchObject({
      problem: `the check of this step does not work: ${reason}`,
      feedback: undefined,
    });
  });

  test('runs by itself while its step is open, and passes it', async () => {
    const made = await atOne();
    await made.clock.pass(POLL_MS);
    expect(step(made, 'one')).toMatchObject({ isPassed: false, feedback: undefined });
    made.computers[0]!.disk.set('/one', '');

    await made.clock.pass(POLL_MS);

    expect(step(made, 'one').isPassed).toBe(true);
    expect(made.clock.pending).toBe(0); // nothing is left to be checked
    expect(made.kinds()).toEqual(['ready', 'entered', 'passed']);
  });

  test('that runs by itself keeps what the student was told true, and says nothing unasked', async () => {
    const made = await atOne({ yaml: LAB.replace('has /one', 'say no one\n      has /one') });
    await made.clock.pass(POLL_MS);
    expect(step(made, 'one').feedback).toBeUndefined();
    await made.run.check('one');

    await made.clock.pass(POLL_MS);

    expect(step(made, 'one').feedback).toBe('no one');
    expect(made.kinds().filter((kind) => kind === 'feedback')).toHaveLength(1);
  });

  test('does not run by itself while polling is off', async () => {
    const made = await atOne();
    made.run.setPolling(false);
    await made.clock.pass(10 * POLL_MS);
    expect(made.computers[0]!.programs).toHaveLength(1); // init

    made.run.setPolling(true);
    await made.clock.pass(POLL_MS);

    expect(made.computers[0]!.programs).toHaveLength(2);
  });

  test('never runs beside another one', async () => {
    const made = await atOne({ yaml: LAB.replace('has /one', 'wait\n      has /one') });
    const computer = made.computers[0]!;
    await made.clock.pass(POLL_MS);
    const asked = [made.run.check('one'), made.run.check('one')];
    await made.clock.pass(10 * POLL_MS);
    expect(computer.programs).toHaveLength(2); // init, and the one that ran by itself
    computer.go();
    await settle();
    computer.disk.set('/one', '');
    computer.go();

    expect(await Promise.all(asked)).toEqual([true, true]);
    expect(computer.programs).toHaveLength(3);
    expect(computer.mostRunning).toBe(1);
  });

  test('that takes long is not repeated at once', async () => {
    const made = await atOne({ yaml: LAB.replace('has /one', 'wait\n      has /one') });
    await made.clock.pass(POLL_MS);
    await made.clock.pass(10_000);
    made.computers[0]!.go();
    await made.clock.pass(29_999);
    expect(made.computers[0]!.programs).toHaveLength(2);

    await made.clock.pass(1);

    expect(made.computers[0]!.programs).toHaveLength(3);
  });
});

describe('a reset', () => {
  test('of a step brings back how the student came to it, and what is passed stays passed', async () => {
    const made = await atOne();
    const computer = made.computers[0]!;
    computer.disk.set('/one', '').set('/rubbish', '');
    await made.run.check('one');

    await made.run.reset('one');

    expect([...computer.disk.keys()]).toEqual(['/etc/motd', '/.vivarium-lab', '/init/one']);
    expect(step(made, 'one')).toMatchObject({ isPassed: true, preparation: 'done' });
    expect(made.run.state).toMatchObject({ phase: 'ready', current: 'one' });
    expect(made.events).toContainEqual({ kind: 'reset', step: 'one' });
  });

  test('of a step makes later ones be prepared again', async () => {
    const made = await atOne();
    await made.run.runSolution('one');
    await made.run.enter('two');
    await made.run.reset('one');
    expect(step(made, 'two').preparation).toBe('none');

    await made.run.enter('two');

    expect(made.computers[0]!.disk.has('/init/two')).toBe(true);
  });

  test('of the lab begins anew: nothing is passed, and the first step is prepared', async () => {
    const made = await atOne();
    made.run.showHint('one');
    await made.run.runSolution('one');
    await made.run.enter('two');

    await made.run.reset();

    expect([...made.computers[0]!.disk.keys()]).toEqual(['/etc/motd', '/.vivarium-lab', '/init/one']);
    expect(made.computers).toHaveLength(1); // from a snapshot
    expect(made.run.state).toMatchObject({ phase: 'ready', current: 'one' });
    expect(step(made, 'one')).toMatchObject({ isPassed: false, hintsLeft: 2, solution: { kind: 'hidden' } });
    expect(step(made, 'two')).toMatchObject({ missing: ['one'], preparation: 'none' });
  });

  test('of a lab with a disk of an earlier visit starts a fresh machine', async () => {
    const computers: FakeComputer[] = [];
    const asked: boolean[] = [];
    const made = await started({
      startComputer: async (_machine, { fresh }) => {
        const computer = new FakeComputer();
        if (!fresh) computer.disk.set('/.vivarium-lab', 'trial\n').set('/rubbish', '');
        asked.push(fresh);
        computers.push(computer);
        return computer;
      },
    });

    await made.run.reset();

    expect(asked).toEqual([false, true]);
    expect(computers[0]!.isClosed).toBe(true);
    expect(made.run.computer('main')).toBe(computers[1]);
    expect(computers[1]!.disk.get('/etc/motd')).toBe('hello');
  });

  test('ends a check and a preparation that run', async () => {
    const made = await atOne({ yaml: LAB.replace('has /one', 'wait\n      has /one') });
    const checking = made.run.check('one');
    await settle();

    await Promise.all([made.run.reset('one'), expect(checking).rejects.toThrow('the lab was reset meanwhile')]);

    expect(step(made, 'one')).toMatchObject({ isChecking: false, preparation: 'done' });
  });

  test('of a step whose beginning is not kept any more says what is left', async () => {
    const made = await atOne({ stepSnapshotsMax: 1 });
    await made.run.enter('three');

    expect(step(made, 'one').canReset).toBe(false);
    await expect(made.run.reset('one')).rejects.toThrow(
      'how the step "One" began is not kept any more; reset the whole lab',
    );
    expect(made.computers[0]!.snapshots.map(({ isReleased }) => isReleased)).toEqual([false, true, false]);
  });

  test('that there is no room for is told of, and starts a fresh machine', async () => {
    const made = await fixture({
      startComputer: async () => {
        const computer = new FakeComputer();
        computer.saveError = new VivariumError(ErrorCodes.LIMIT, 'snapshots take too much memory');
        made.computers.push(computer);
        return computer;
      },
    });
    await made.run.start();
    expect(made.events).toContainEqual({
      kind: 'notice',
      text: "the lab can't be reset at once: snapshots take too much memory",
    });

    await made.run.reset();

    expect(made.computers).toHaveLength(2);
  });
});

describe('a machine that fails', () => {
  test('stops the lab with a sentence, and a reset starts another', async () => {
    const made = await atOne();
    made.computers[0]!.fail(new VivariumError(ErrorCodes.GUEST_PANIC, 'the guest kernel panicked: x'));
    await settle();
    expect(made.run.state).toMatchObject({ phase: 'failed', failure: 'the guest kernel panicked: x' });
    await expect(made.run.enter('three')).rejects.toThrow('the lab has stopped: the guest kernel panicked: x');

    await made.run.reset();

    expect(made.run.state).toMatchObject({ phase: 'ready', failure: undefined });
    expect(made.computers).toHaveLength(2);
  });

  test('when it is restored has failed too', async () => {
    const made = await atOne();
    made.computers[0]!.restoreError = new Error('gone');

    await expect(made.run.reset('one')).rejects.toThrow('gone');
    expect(made.run.state.phase).toBe('failed');
  });
});

describe('progress', () => {
  test('is found again at the next visit', async () => {
    const store = memoryStore();
    const first = await atOne({ store });
    await first.run.runSolution('one');
    first.run.showHint('one');
    await first.run.enter('two');

    const second = await started({ store });

    expect(second.run.state.current).toBe('two');
    expect(step(second, 'one')).toMatchObject({ isPassed: true, hintsLeft: 1, solution: { kind: 'shown' } });
    expect(step(second, 'two').missing).toEqual([]);
  });

  test('that can’t be read is told of', async () => {
    const made = await started({ store: memoryStore({ trial: '{' }) });
    expect(made.events).toContainEqual({
      kind: 'notice',
      text: "your progress can't be read, so the lab begins anew: this is no file of a lab's progress; choose one that a lab has exported",
    });
  });

  test('that can’t be saved is told of once', async () => {
    const save = async (): Promise<void> => {
      throw new Error('storage is full');
    };
    const made = await atOne({ store: { load: async () => undefined, save } });
    made.run.showHint('one');
    await settle();

    expect(made.events.filter(({ kind }) => kind === 'notice')).toEqual([
      { kind: 'notice', text: "your progress can't be saved, so export it before you leave: storage is full" },
    ]);
  });

  test('goes from one page to another as a file, and nothing that was reached is lost', async () => {
    const first = await atOne();
    await first.run.runSolution('one');
    const second = await started();
    second.run.confirm('three');
    await second.run.enter('two');

    second.run.importProgress(first.run.exportProgress());
    await settle();

    expect(second.run.state.steps.map(({ isPassed }) => isPassed)).toEqual([true, false, true]);
    expect(step(second, 'two').preparation).toBe('done');
  });

  test('is complete when every step is passed', async () => {
    const made = await atOne();
    await made.run.runSolution('one');
    await made.run.enter('two');
    await made.run.runSolution('two');
    made.run.confirm('three');

    expect(made.run.state.isComplete).toBe(true);
    expect(made.kinds().at(-1)).toBe('completed');
  });
});

test('a closed lab has ended everything, and nothing can be done in it', async () => {
  const made = await atOne({ yaml: LAB.replace('has /one', 'wait\n      has /one') });
  const checking = made.run.check('one');
  await settle();

  await Promise.all([made.run.close(), expect(checking).rejects.toThrow('the lab was closed')]);

  expect(made.computers[0]!.isClosed).toBe(true);
  expect(made.clock.pending).toBe(0);
  await expect(made.run.enter('one')).rejects.toThrow();
  expect(() => made.run.computer('main')).toThrow('do not run yet');
});

test('a lab that is closed while it starts closes its machines', async () => {
  let start!: (computer: FakeComputer) => void;
  const made = await fixture({ startComputer: () => new Promise((resolve) => (start = resolve)) });
  const starting = made.run.start();
  await settle();
  const computer = new FakeComputer();
  const closing = made.run.close();
  start(computer);

  await expect(starting).rejects.toThrow('the lab was closed');
  await closing;
  expect(computer.isClosed).toBe(true);
  expect(made.run.state.phase).toBe('closed');
});
