/**
 * The commands about containers that need no machine: records that `create` would make and states that a supervisor would
 * write, and what the compiled `viv` says of them. Needs the build.
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createContainer, findContainerImage } from '../../src/cli/create-container.ts';
import type { ContainerState } from '../../src/container/lifecycle/config.ts';
import { SystemClock } from '../../src/container/lifecycle/node-clock.ts';
import type { Container, ContainerStore } from '../../src/container/lifecycle/node-container-store.ts';
import { LogWriter } from '../../src/container/lifecycle/node-log-writer.ts';
import { openContainers } from '../../src/cli/containers.ts';
import { thisOwner } from '../../src/oci/store/node-owner.ts';
import { MACHINE, containerConfig } from '../support/container-fixture.ts';
import { LayoutBuilder, gzipLayer } from '../support/image-builder.ts';
import { file, tar } from '../support/tar-builder.ts';
import { type VivResult, startViv, viv } from '../support/viv.ts';

let folder: string;
let env: Record<string, string>;
let store: ContainerStore;
let imageId: string;
const before = { ...process.env };

const run = (...words: string[]): Promise<VivResult> => viv(words, { env, input: '' });
async function out(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...words);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.toString();
}
async function fails(status: number, message: RegExp, ...words: string[]): Promise<void> {
  const result = await run(...words);
  expect([result.status, result.stderr]).toEqual([status, expect.stringMatching(message)]);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-containers-'));
  env = {
    VIVARIUM_HOME: join(folder, 'home'),
    VIVARIUM_CACHE: join(folder, 'cache'),
    VIVARIUM_CONFIG: join(folder, 'config'),
  };
  Object.assign(process.env, env); // our own store is that of the commands
  store = openContainers();
  const layout = new LayoutBuilder();
  const layers = [gzipLayer(tar(file('a', 'x')))];
  const manifest = layout.manifest(layers, {
    Cmd: ['serve', 'all day'],
    Env: ['PATH=/bin'],
    Labels: { kind: 'image' },
  });
  writeFileSync(join(folder, 'image.tar'), layout.root(manifest, 'me/tool:v1').tar());
  await out('load', '-i', join(folder, 'image.tar'));
  imageId = (await out('images', '-q', '--no-trunc')).trim();
});
afterAll(() => {
  process.env = before;
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  for (const { id, state } of (await store.list()).containers) {
    if (state.status === 'running') await setState(id, { status: 'exited' });
    await store.remove(id);
  }
});

/** Made of the image in the store, as `viv create` does it. */
async function create(name: string, parts: Partial<Container['config']> = {}): Promise<Container> {
  const found = await findContainerImage('me/tool:v1', { pull: 'never' });
  const { hostname: _, ...defaults } = containerConfig({ cmd: [], ...parts });
  return createContainer(store, { found, parts: defaults, name, machine: MACHINE });
}
function setState(id: string, change: Partial<ContainerState>): Promise<ContainerState> {
  return store.changeState(id, (state) => ({ ...state, ...change }));
}
/** As if a supervisor, this process, ran it. */
async function start({ id }: Container): Promise<void> {
  await store.pods.claim(id, { owner: thisOwner(), socket: '/nowhere' });
  await setState(id, { status: 'running', pid: 7, startedAt: store.now() });
}
async function writeLog(id: string, text: string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
  const path = store.pathOf(id, 'container.log');
  const log = await LogWriter.open({ path, clock: new SystemClock(), maxFiles: 1 });
  await log.write(stream, new TextEncoder().encode(text));
  await log.close();
}

test('ps lists what runs, or everything', async () => {
  const web = await create('web');
  await create('idle');
  await start(web);
  const columns = '{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}';

  expect(await out('ps', '--format', columns)).toMatch(/^web\|me\/tool:v1\|"serve 'all day'"\|Up \S.*\n$/);
  expect(await out('ps', '-a', '--format', '{{.Names}} {{.State}}')).toBe('idle created\nweb running\n');
  expect(await out('container', 'ls', '-aq', '--no-trunc', '--filter', 'name=web')).toBe(`${web.id}\n`);
  expect(await out('ps', '-l', '--format', '{{.Names}}')).toBe('idle\n');
  expect(await out('ps', '-n', '2', '--format', '{{.Names}}')).toBe('idle\nweb\n');
  expect(await out('ps', '--filter', 'status=created', '--format', '{{.Names}}')).toBe('idle\n');
  expect(await out('ps', '-a', '--filter', `ancestor=${imageId.slice(7, 19)}`, '-q')).toHaveLength(26);
});

test('inspect tells what Docker tells of containers, and finds images and pods', async () => {
  const { id } = await create('web', { env: ['A=b'], labels: { mine: '1' } });

  const [page] = JSON.parse(await out('inspect', 'web')) as object[];

  expect(page).toMatchObject({
    Id: id,
    Name: '/web',
    Path: 'serve',
    Args: ['all day'],
    Image: imageId,
    State: { Status: 'created', Running: false, Pid: 0, StartedAt: '0001-01-01T00:00:00Z' },
    Config: { Env: ['A=b', 'PATH=/bin'], Labels: { kind: 'image', mine: '1' }, Hostname: id.slice(0, 12) },
    Mounts: [],
  });
  expect(await out('inspect', '-f', '{{.State.Status}}', 'web', id.slice(0, 8))).toBe('created\ncreated\n');
  expect(await out('inspect', '--format', '{{.Os}}', 'me/tool:v1')).toBe('linux\n');
  expect(await out('inspect', '--type', 'pod', '--format', '{{.Status}}', id)).toBe('Stopped\n');
  const missing = await run('inspect', 'nothere');
  expect([missing.status, missing.stdout.toString(), missing.stderr]).toEqual([
    1,
    '[]\n',
    'viv: No such object: nothere (NOT_FOUND)\n',
  ]);
  await fails(1, /No such container: me\/tool:v1/, 'inspect', '--type', 'container', 'me/tool:v1');
});

test('logs shows stdout and stderr, the last lines, times, and what is since', async () => {
  const { id } = await create('web');
  await writeLog(id, 'one\ntwo\n');
  await writeLog(id, 'oops\n', 'stderr');
  await writeLog(id, 'three');

  const all = await run('logs', 'web');

  expect([all.stdout.toString(), all.stderr]).toEqual(['one\ntwo\nthree', 'oops\n']);
  expect(await out('logs', '-n', '1', 'web')).toBe('three');
  expect((await run('logs', '-t', '--tail', '2', 'web')).stdout.toString()).toMatch(/^\d{4}-.*T.*\.\d{9}Z three$/);
  expect(await out('logs', '--since', '0s', 'web')).toBe('');
  expect((await run('logs', '--since', '1h', '--until', '0s', 'web')).stdout.toString()).toBe('one\ntwo\nthree');
  await fails(1, /^viv: No such container: other \(NOT_FOUND\)\n$/, 'logs', 'other');
  await fails(1, /invalid value "x" for --tail/, 'logs', '--tail', 'x', 'web');
  await fails(1, /"never" is no time for --since/, 'logs', '--since', 'never', 'web');
});

test('logs follows until the container ends', async () => {
  const web = await create('web');
  await start(web);
  await writeLog(web.id, 'one\n');
  const following = startViv(['logs', '-f', 'web'], { env });
  await following.printed('one');

  await writeLog(web.id, 'two\n');
  await following.printed('two');
  await writeLog(web.id, 'three\n');
  await setState(web.id, { status: 'exited', exitCode: 0 });

  const { status, stdout } = await following.ended;
  expect([status, stdout.toString()]).toEqual([0, 'one\ntwo\nthree\n']);
});

test('logs of a line that is damaged gives the rest and says so', async () => {
  const { id } = await create('web');
  await writeLog(id, 'one\n');
  appendFileSync(store.pathOf(id, 'container.log'), '{"log":"tw\n');
  await writeLog(id, 'three\n');

  const { status, stdout, stderr } = await run('logs', 'web');

  expect([status, stdout.toString(), stderr]).toEqual([
    1,
    'one\nthree\n',
    expect.stringMatching(/1 lines of .* can't be read/),
  ]);
});

test('rename and rm change what there is', async () => {
  const web = await create('web');
  await create('other');
  await start(web);

  expect(await out('rename', 'web', 'front')).toBe('');
  await fails(1, /The container name "\/other" is already in use by container/, 'rename', 'front', 'other');
  await fails(1, /^viv: cannot remove container "\/front": container is running: stop the container/, 'rm', 'front');
  await setState(web.id, { status: 'exited' });
  const removed = await run('rm', 'nothere', 'front', web.id);
  expect([removed.status, removed.stdout.toString()]).toEqual([1, 'front\n']);
  expect(removed.stderr).toBe(
    `viv: No such container: nothere (NOT_FOUND)\nviv: No such container: ${web.id} (NOT_FOUND)\n`,
  );
  const forced = await run('rm', '-f', 'nothere', 'other');
  expect([forced.status, forced.stdout.toString(), forced.stderr]).toEqual([
    0,
    'other\n',
    'viv: No such container: nothere (NOT_FOUND)\n',
  ]);
  expect(await out('ps', '-aq')).toBe('');
});

test('container prune removes what does not run', async () => {
  const web = await create('web');
  const gone = await create('gone', { labels: { a: 'b' } });
  const kept = await create('kept');
  await start(web);

  expect(await out('container', 'prune', '-f', '--filter', 'label=a=b')).toBe(
    `Deleted Containers:\n${gone.id}\n\nTotal reclaimed space: 0B\n`,
  );
  expect((await run('container', 'prune')).stdout.toString()).toBe(
    'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ',
  );
  expect(await out('system', 'prune', '-f')).toBe(`Deleted Containers:\n${kept.id}\n\nTotal reclaimed space: 0B\n`);
  expect(await out('ps', '-a', '--format', '{{.Names}}')).toBe('web\n');
});

test('an image is kept while a container uses it', async () => {
  const web = await create('web');
  const short = imageId.slice(7, 19);

  await fails(
    1,
    new RegExp(
      `unable to remove repository reference "me/tool:v1" \\(must force\\) - container ${web.id.slice(0, 12)} is`,
    ),
    'rmi',
    'me/tool:v1',
  );
  await fails(1, /unable to delete \S+ \(must be forced\) - image is being used by stopped/, 'rmi', short);
  await start(web);
  await fails(1, /\(cannot be forced\) - image is being used by running container/, 'rmi', '-f', short);
  expect(await out('image', 'prune', '-af')).toBe('Total reclaimed space: 0B\n');
  expect(await out('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}}')).toContain(
    'Images 1 1\nContainers 1 1\n',
  );
  expect(await out('images', '-q')).toBe(`${short}\n`);
});

test('events tells what has happened, and what happens', async () => {
  const following = startViv(['events', '--filter', 'type=container', '--format', '{{.Action}}'], { env });
  const since = String(Date.now() / 1000);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // it has nothing to say when it begins
  const { id } = await create('web', { labels: { a: 'b' } });
  await out('rename', 'web', 'front');
  await out('rm', 'front');
  await following.printed('destroy');
  following.child.kill('SIGINT');

  expect((await following.ended).stdout.toString()).toBe('create\nrename\ndestroy\n');
  const lines = (await out('events', '--since', since, '--until', '0s')).trim().split('\n');
  expect(lines.map((line) => line.split(' ').slice(1).join(' '))).toEqual([
    `container create ${id} (a=b, image=me/tool:v1, kind=image, name=web)`,
    `container rename ${id} (a=b, image=me/tool:v1, kind=image, name=front, oldName=/web)`,
    `container destroy ${id} (a=b, image=me/tool:v1, kind=image, name=front)`,
  ]);
  expect(await out('events', '--since', '1h', '--until', '0s', '--filter', 'event=load', '--format', '{{.ID}}')).toBe(
    `${imageId}\n`,
  );
});

test('pods are listed, inspected and removed', async () => {
  const pod = await store.pods.findOrCreate('lab', MACHINE);
  await createContainer(store, {
    found: await findContainerImage('me/tool:v1', { pull: 'never' }),
    parts: containerConfig(),
    name: 'one',
    pod: 'lab',
    machine: MACHINE,
  });

  expect(await out('pod', 'ls', '--format', '{{.Name}} {{.Status}} {{.Containers}} {{.Memory}}')).toBe(
    'lab Stopped 1 536.9MB\n',
  );
  expect(await out('pod', 'inspect', '-f', '{{range .Containers}}{{.Name}}{{end}}', pod.id.slice(0, 6))).toBe('one\n');
  expect(await out('ps', '-a', '--filter', 'pod=lab', '--format', '{{.Names}}')).toBe('one\n');
  await fails(1, /^viv: pod \S+ has containers/, 'pod', 'rm', 'lab');
  expect(await out('pod', 'rm', '-f', 'lab')).toBe('lab\n');
  expect(await out('pod', 'ls', '-q')).toBe('');
  await fails(1, /^viv: No such pod: lab \(NOT_FOUND\)/, 'pod', 'rm', 'lab');
});

test('a corrupt record is named, hides no other, and doctor and rm know what to do', async () => {
  const broken = await create('broken');
  await create('fine');
  writeFileSync(store.pathOf(broken.id, 'config.json'), '{');

  const listed = await run('ps', '-a', '--format', '{{.Names}}');
  expect([listed.status, listed.stdout.toString(), listed.stderr]).toEqual([
    1,
    'fine\n',
    expect.stringMatching(
      /config\.json" is corrupt: it is not JSON; restore it, or remove the container with viv rm --force/,
    ),
  ]);
  const doctor = await run('doctor');
  expect([doctor.status, doctor.stdout.toString()]).toEqual([
    1,
    expect.stringMatching(/problem: the record .*config\.json/),
  ]);
  expect(await out('rm', '-f', 'broken')).toBe('broken\n');
  expect(await out('doctor')).toMatch(/ok: 1 containers, 1 pods\n/);
});

test('doctor finds and removes what killed processes left', async () => {
  const web = await create('web');
  await start(web);
  await store.pods.claim(web.id, { owner: thisOwner(), socket: '/nowhere' });
  const home = env['VIVARIUM_HOME']!;
  const orphan = 'd'.repeat(64);
  writeFileSync(
    join(home, 'pods', web.id, 'supervisor.json'),
    JSON.stringify({ owner: 'somebody dead', socket: '/x' }),
  );
  writeFileSync(join(home, 'containers', 'names', 'stale'), orphan);
  mkdirSync(join(home, 'containers', `.removed-${orphan}`));
  writeFileSync(join(home, 'containers', `.removed-${orphan}`, 'disk.ext4'), 'data');
  writeFileSync(store.pathOf(web.id, '.draft-x'), '');
  writeFileSync(join(home, 'images', 'holds', orphan), JSON.stringify({ manifest: web.config.image.manifest }));

  const found = await run('doctor');
  const repaired = await run('doctor', '--repair');

  expect(found.status).toBe(1);
  for (const text of [
    `container ${web.id} is said to run, but its supervisor is dead`,
    'what is left of a removed container',
    'a name of no container',
    'a temporary file',
    `an image kept for container ${orphan}, which is gone`,
    `the record of a supervisor of pod ${web.id} that is dead`,
  ]) {
    expect(found.stdout.toString()).toContain(`problem: ${text}`);
    expect(repaired.stdout.toString()).toContain(`repaired: ${text}`);
  }
  expect(repaired.status).toBe(0);
  expect(await out('doctor')).toMatch(/ok: 1 containers, 1 pods\n/);
  expect(await out('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(/^web Exited \(137\) /);
  expect(readdirSync(join(home, 'containers')).sort()).toEqual([web.id, 'names']);
  expect(existsSync(join(home, 'containers', 'names', 'stale'))).toBe(false);
});

test('a container whose supervisor is dead has ended, for whoever looks', async () => {
  const web = await create('web');
  const brief = await create('brief', { autoRemove: true });
  for (const container of [web, brief]) await start(container);
  for (const { id } of [web, brief])
    writeFileSync(store.pods.pathOf(id, 'supervisor.json'), JSON.stringify({ owner: 'somebody dead', socket: '/x' }));

  expect(await out('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}', 'web')).toBe(
    'exited 137 the supervisor ended\n',
  );
  expect(await out('ps', '-a', '--format', '{{.Names}}')).toBe('web\n');
});
