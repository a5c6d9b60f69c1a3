import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADJECTIVES, SURNAMES } from '../../../src/container/lifecycle/name-words.ts';
import { newContainerId } from '../../../src/container/lifecycle/names.ts';
import { ContainerStore } from '../../../src/container/lifecycle/node-container-store.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { hold, readHolds } from '../../../src/oci/store/claims.ts';
import { removeImage } from '../../../src/oci/store/collect.ts';
import { thisOwner } from '../../../src/oci/store/node-owner.ts';
import { MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { addImage, storeOn } from '../../support/store-fixture.ts';
import { FakeClock, MACHINE, containerConfig } from '../../support/container-fixture.ts';

let home: string;
let store: ContainerStore;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vivarium-records-'));
  store = open();
});
afterEach(() => rmSync(home, { recursive: true }));

const DEAD = JSON.stringify({ pid: 1, started: 'never', realm: 'none' });
function open(): ContainerStore {
  return new ContainerStore({
    home,
    clock: new FakeClock(),
    liveness: (owner) => (owner === thisOwner() ? 'alive' : 'dead'),
  });
}
const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const filesIn = (...path: string[]): string[] =>
  existsSync(join(home, ...path)) ? readdirSync(join(home, ...path)) : [];
const supervise = (pod: string, owner = thisOwner()): Promise<unknown> =>
  store.pods.claim(pod, { owner, socket: '/s' });

describe('a container', () => {
  test('is recorded with its name and its own pod, and found by ID, name and the beginning of an ID', async () => {
    const config = containerConfig({ labels: { a: 'b' } });

    const created = await store.create(config, { name: 'web', machine: MACHINE });

    expect(created).toMatchObject({ id: config.id, name: 'web', config, state: { status: 'created' } });
    const texts = [config.id, 'web', '/web', config.id.slice(0, 12), config.id.slice(0, 3)];
    expect(await Promise.all(texts.map((text) => open().find(text)))).toEqual(texts.map(() => created));
    expect(await store.pods.read(config.id)).toMatchObject({ id: config.id, machine: MACHINE });
  });

  test('that is not there is told of in the words of Docker', async () => {
    await expect(store.find('nobody')).rejects.toEqual(error('NOT_FOUND', /^No such container: nobody$/));
    await expect(store.find('../containers')).rejects.toEqual(error('NOT_FOUND', /^No such container/));
  });

  test('is not found by the beginning of several IDs, nor is another with an ID for its name in its way', async () => {
    const [a, b] = [containerConfig({ id: `ab1${'0'.repeat(61)}` }), containerConfig({ id: `ab2${'0'.repeat(61)}` })];
    await store.create(a, { name: 'ab2', machine: MACHINE });
    await store.create(b, { name: 'other', machine: MACHINE });

    await expect(store.find('ab')).rejects.toEqual(error('USAGE', /multiple IDs found with provided prefix: ab/));
    expect((await store.find('ab2')).id).toBe(a.id);
    expect((await store.find('ab20')).id).toBe(b.id);
  });

  test('without a name gets one of two words', async () => {
    const { name } = await store.create(containerConfig(), { machine: MACHINE });

    expect(name).toMatch(/^[a-z]+_[a-z]+$/);
  });

  test('can not have the name of another, or one that is none; nothing of it stays', async () => {
    const first = await store.create(containerConfig(), { name: 'web', machine: MACHINE });

    const again = store.create(containerConfig(), { name: 'web', machine: MACHINE });
    await expect(again).rejects.toEqual(
      error(
        'CONFLICT',
        new RegExp(`^Conflict. The container name "/web" is already in use by container "${first.id}"`),
      ),
    );
    await expect(store.create(containerConfig(), { name: 'a b', machine: MACHINE })).rejects.toEqual(
      error('USAGE', /Invalid container name \("a b"\), only/),
    );
    expect((await store.list()).containers).toHaveLength(1);
    expect([filesIn('pods'), filesIn('containers', 'names')]).toEqual([[first.id], ['web']]);
  });

  test('can not be in a pod that is not there', async () => {
    const create = store.create(containerConfig({ pod: newContainerId() }), { name: 'web', machine: MACHINE });

    await expect(create).rejects.toEqual(error('NOT_FOUND', /No such pod/));
    expect([(await store.list()).containers, filesIn('containers', 'names')]).toEqual([[], []]);
  });

  test('gets another name, and the old one is free', async () => {
    const { id } = await store.create(containerConfig(), { name: 'old', machine: MACHINE });
    await store.create(containerConfig(), { name: 'taken', machine: MACHINE });

    await store.rename(id, 'new');

    expect((await store.find('new')).id).toBe(id);
    await expect(store.find('old')).rejects.toEqual(error('NOT_FOUND', /old/));
    await expect(store.rename(id, 'taken')).rejects.toEqual(error('CONFLICT', /already in use/));
    await expect(store.rename(id, 'new')).rejects.toEqual(error('USAGE', /same name/));
  });

  test('is read without a look at the names of others', async () => {
    const { id } = await store.create(containerConfig(), { name: 'web', machine: MACHINE });
    await store.create(containerConfig(), { name: 'other', machine: MACHINE });
    rmSync(join(home, 'containers', 'names', 'other'));
    mkdirSync(join(home, 'containers', 'names', 'other')); // can't be read

    expect((await store.read(id)).name).toBe('web');
    await store.rename(id, 'new');
    await store.remove(id);
    expect(filesIn('containers', 'names')).toEqual(['other']);
  });

  test('has its name whatever the note of it says', async () => {
    const { id } = await store.create(containerConfig(), { name: 'web', machine: MACHINE });
    await store.create(containerConfig(), { name: 'other', machine: MACHINE });
    const note = join(home, 'containers', id, 'name');
    const names: string[] = [];

    for (const text of ['', 'other', 'gone', '../names/web']) {
      writeFileSync(note, text);
      names.push((await store.read(id)).name);
    }

    expect(names).toEqual(['web', 'web', 'web', 'web']);
  });

  test('may have a supervisor from the start, who removes it as it is', async () => {
    const supervisor = { owner: thisOwner(), socket: '/s' };
    const { id } = await store.create(containerConfig(), { machine: MACHINE, supervisor });
    await store.changeState(id, (state) => ({ ...state, status: 'running' }));
    const asked = await store.pods.supervisor(id);

    await expect(store.remove(id)).rejects.toEqual(error('CONFLICT', /container is running/));
    await store.remove(id, { hasEnded: true });

    expect(asked).toEqual(supervisor);
    expect([filesIn('containers'), filesIn('pods')]).toEqual([['names'], []]);
  });

  test('changes its state only to what may follow', async () => {
    const { id } = await store.create(containerConfig(), { machine: MACHINE });

    const running = await store.changeState(id, (state) => ({ ...state, status: 'running', pid: 7 }));

    expect([running.pid, (await store.readState(id)).status]).toEqual([7, 'running']);
    await store.changeState(id, (state) => ({ ...state, status: 'exited' }));
    await expect(store.changeState(id, (state) => ({ ...state, status: 'paused' }))).rejects.toEqual(
      error('CONFLICT', /is exited, so it can't become paused/),
    );
    expect((await store.readState(id)).status).toBe('exited');
  });

  test('that is removed leaves nothing, and a state that is written late does not bring it back', async () => {
    const { id } = await store.create(containerConfig(), { name: 'web', machine: MACHINE });
    writeFileSync(store.pathOf(id, 'disk.ext4'), 'data');

    await store.remove(id);

    await expect(store.changeState(id, (state) => state)).rejects.toEqual(error('NOT_FOUND', /No such container/));
    await expect(store.remove(id)).rejects.toEqual(error('NOT_FOUND', /No such container/));
    expect([filesIn('containers'), filesIn('containers', 'names'), filesIn('pods')]).toEqual([['names'], [], []]);
  });

  test('that runs or is paused is not removed', async () => {
    const { id } = await store.create(containerConfig(), { name: 'web', machine: MACHINE });
    await store.changeState(id, (state) => ({ ...state, status: 'running' }));

    await expect(store.remove(id)).rejects.toEqual(
      error('CONFLICT', /^cannot remove container "\/web": container is running: stop the container before/),
    );
    await store.changeState(id, (state) => ({ ...state, status: 'paused' }));
    await expect(store.remove(id)).rejects.toEqual(error('CONFLICT', /is paused and must be unpaused first/));
  });

  test('whose record is corrupt is named with its file, does not hide others, and can be removed', async () => {
    const broken = await store.create(containerConfig(), { name: 'broken', machine: MACHINE });
    const other = await store.create(containerConfig(), { name: 'other', machine: MACHINE });
    const path = store.pathOf(broken.id, 'config.json');
    writeFileSync(path, '{"version":1,');

    const { containers, problems } = await store.list();

    expect(containers.map(({ id }) => id)).toEqual([other.id]);
    expect(problems).toEqual([
      error('STORE', /config\.json" is corrupt: it is not JSON; .* viv rm --force [0-9a-f]{64}/),
    ]);
    expect(problems[0]!.message).toContain(path);
    await store.remove(await store.resolve('broken'));
    expect((await store.list()).problems).toEqual([]);
  });

  test.each([
    ['config.json', { version: 2 }, /version is 2, not 1/],
    ['config.json', { env: ['a', 7] }, /env\[1\] is not a string/],
    ['config.json', { labels: { a: 1 } }, /labels is not an object of strings/],
    ['config.json', { isolation: { limits: {} } }, /isolation\.ulimits is not a list/],
    ['config.json', { id: 'f'.repeat(64) }, /it is that of another container/],
    ['state.json', { status: 'asleep' }, /status is "asleep"/],
    ['state.json', { health: { status: 'healthy' } }, /health\.failingStreak is not a number/],
  ])('whose %s says %j is corrupt', async (file, change, message) => {
    const { id, config, state } = await store.create(containerConfig(), { machine: MACHINE });
    const value = file === 'config.json' ? config : state;
    writeFileSync(store.pathOf(id, file), JSON.stringify({ ...value, ...change }));

    await expect(store.read(id)).rejects.toEqual(error('STORE', message));
  });
});

describe('a container without a supervisor', () => {
  test('has exited with 137 when its supervisor is dead, and the others go on', async () => {
    const lost = await store.create(containerConfig(), { name: 'lost', machine: MACHINE });
    const alive = await store.create(containerConfig(), { name: 'alive', machine: MACHINE });
    await supervise(lost.id, DEAD);
    await supervise(alive.id);
    for (const { id } of [lost, alive])
      await store.changeState(id, (state) => ({ ...state, status: 'running', pid: 9 }));

    expect(await store.settle()).toEqual([lost.id]);

    expect(await store.readState(lost.id)).toMatchObject({
      status: 'exited',
      exitCode: 137,
      pid: 0,
      error: 'the supervisor ended',
      finishedAt: '2024-01-02T03:04:05.000000000Z',
    });
    expect((await store.readState(alive.id)).status).toBe('running');
    expect(await store.settle()).toEqual([]);
  });

  test('is removed if it was to be removed in the end', async () => {
    const { id } = await store.create(containerConfig({ autoRemove: true }), { machine: MACHINE });
    await store.changeState(id, (state) => ({ ...state, status: 'running' }));

    await store.settle();

    expect([(await store.list()).containers, filesIn('pods')]).toEqual([[], []]);
  });

  test('is settled without a record that can not be read being in the way', async () => {
    const broken = await store.create(containerConfig(), { machine: MACHINE });
    const lost = await store.create(containerConfig(), { machine: MACHINE });
    await store.changeState(lost.id, (state) => ({ ...state, status: 'running' }));
    writeFileSync(store.pathOf(broken.id, 'state.json'), '');

    expect(await store.settle()).toEqual([lost.id]);
  });
});

describe('what a killed process left', () => {
  test('of a container that was being made is gone with the next command, its name is free', async () => {
    const id = newContainerId();
    mkdirSync(join(home, 'containers', `.draft-${id}`), { recursive: true });
    mkdirSync(join(home, 'containers', 'names'));
    writeFileSync(join(home, 'containers', 'names', 'web'), id);
    mkdirSync(join(home, 'pods', id), { recursive: true });
    writeFileSync(
      join(home, 'pods', id, 'pod.json'),
      JSON.stringify({ version: 1, id, created: 'x', machine: MACHINE }),
    );

    await store.settle();

    expect([filesIn('containers'), filesIn('containers', 'names'), filesIn('pods')]).toEqual([['names'], [], []]);
  });

  test('of one that was being removed is gone with the next command', async () => {
    const { id } = await store.create(containerConfig(), { name: 'web', machine: MACHINE });
    const names = filesIn('containers', 'names');
    await store.remove(id);
    mkdirSync(join(home, 'containers', `.removed-${id}`));
    writeFileSync(join(home, 'containers', `.removed-${id}`, 'disk.ext4'), '');
    writeFileSync(join(home, 'containers', 'names', names[0]!), id);

    await store.settle();

    expect([filesIn('containers'), filesIn('containers', 'names')]).toEqual([['names'], []]);
  });

  test('in the middle of a rename is the new name', async () => {
    const { id } = await store.create(containerConfig(), { name: 'old', machine: MACHINE });
    await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(join(home, 'containers', id, 'name'), 'old\nnew');
    writeFileSync(join(home, 'containers', 'names', 'new'), id);

    expect((await store.read(id)).name).toBe('new');
    expect((await store.list()).containers.map(({ name }) => name)).toEqual(['new']);
    expect(await store.tidy(false)).toEqual([expect.stringMatching(/a name of no container ".*old"/)]);
    await store.tidy(true);
    expect(filesIn('containers', 'names')).toEqual(['new']);
  });

  test('before a rename had begun is the old name', async () => {
    const { id } = await store.create(containerConfig(), { name: 'old', machine: MACHINE });
    writeFileSync(join(home, 'containers', id, 'name'), 'old\nnew');

    expect((await store.read(id)).name).toBe('old');
    await store.remove(id);
    expect(filesIn('containers', 'names')).toEqual([]);
  });
});

describe('a pod', () => {
  test('with a name is made once, and holds several containers', async () => {
    const [a, b] = await Promise.all([
      store.pods.findOrCreate('lab', MACHINE),
      open().pods.findOrCreate('lab', MACHINE),
    ]);
    const first = await store.create(containerConfig({ pod: a.id }), { name: 'one', machine: MACHINE });
    const second = await store.create(containerConfig({ pod: b.id }), { name: 'two', machine: MACHINE });

    expect(a).toEqual(b);
    expect((await store.inPod(a.id)).map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    expect(await store.pods.find('lab')).toMatchObject({ id: a.id, name: 'lab' });
    await expect(store.pods.remove(a.id)).rejects.toEqual(error('CONFLICT', /has containers/));
    for (const { id } of [first, second]) await store.remove(id);
    expect(await store.pods.find('lab')).toMatchObject({ id: a.id });
    await store.pods.remove(a.id);
    await expect(store.pods.find('lab')).rejects.toEqual(error('NOT_FOUND', /^No such pod: lab$/));
  });

  test('has one supervisor; a dead one makes room', async () => {
    const { id } = await store.create(containerConfig(), { machine: MACHINE });
    await supervise(id, DEAD);

    expect(await store.pods.supervisor(id)).toBeUndefined();
    expect(await supervise(id)).toBeUndefined();
    expect(await store.pods.claim(id, { owner: 'late', socket: '/t' })).toEqual({ owner: thisOwner(), socket: '/s' });
    await store.pods.release(id, 'late');
    expect(await store.pods.isSupervised(id)).toBe(true);
    await store.pods.release(id, thisOwner());
    expect(await store.pods.isSupervised(id)).toBe(false);
  });

  test('of one container stays while another is in it', async () => {
    const first = await store.create(containerConfig(), { machine: MACHINE });
    const second = await store.create(containerConfig({ pod: first.id }), { machine: MACHINE });

    await store.remove(first.id);
    expect(await store.pods.read(first.id)).toMatchObject({ id: first.id });
    await store.remove(second.id);
    await expect(store.pods.read(first.id)).rejects.toEqual(error('NOT_FOUND', /No such pod/));
  });
});

describe('the image of a container', () => {
  test('is held from its making to its removal, and must be there', async () => {
    const images = storeOn(new MemoryStoreFiles());
    const { id, manifest } = await addImage(images, ['a']);
    store = new ContainerStore({ home, images });
    const image = {
      name: 'a',
      id: id as Digest,
      manifest: manifest.digest,
      place: '/nowhere',
      platform: 'linux/amd64',
    };
    const container = await store.create(containerConfig({ image }), { name: 'web', machine: MACHINE });
    const held = await readHolds(images.files);

    await store.remove(container.id);

    expect([...held]).toEqual([[manifest.digest, [container.id]]]);
    expect((await readHolds(images.files)).size).toBe(0);
    await removeImage(images, 'a');
    const late = store.create(containerConfig({ image }), { name: 'web', machine: MACHINE });
    await expect(late).rejects.toEqual(error('NOT_FOUND', /^No such image: a; it was removed meanwhile/));
    expect([await store.tidy(false), (await store.list()).containers, filesIn('containers', 'names')]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test('is let go when its holder was killed before there was a container', async () => {
    const images = storeOn(new MemoryStoreFiles());
    const { manifest } = await addImage(images, ['a']);
    store = new ContainerStore({ home, images });
    const id = newContainerId();
    await hold(images.files, id, manifest.digest);
    await hold(images.files, 'somebody-else', manifest.digest);
    mkdirSync(join(home, 'containers', `.draft-${id}`), { recursive: true });

    await store.settle();

    expect([...(await readHolds(images.files)).values()]).toEqual([['somebody-else']]);
  });
});

describe('records that can not be used', () => {
  test('because a file is in their place are a user error', async () => {
    writeFileSync(join(home, 'lock'), '');

    await expect(store.create(containerConfig(), { machine: MACHINE })).rejects.toEqual(
      error('STORE', /^can't lock the record ".*lock": /),
    );
  });
});

describe('names', () => {
  test('that are made up are names, and no word is there twice', () => {
    for (const words of [ADJECTIVES, SURNAMES]) {
      expect(words.filter((word) => !/^[a-z]+$/.test(word))).toEqual([]);
      expect(new Set(words).size).toBe(words.length);
    }
  });

  test('that are made up have a digit once those of two words seem to be taken', async () => {
    store = new ContainerStore({ home, random: () => 0 });
    await store.create(containerConfig(), { machine: MACHINE });

    const { name } = await store.create(containerConfig(), { machine: MACHINE });

    expect(name).toBe('airy_abel0');
    await expect(store.create(containerConfig(), { machine: MACHINE })).rejects.toEqual(
      error('CONFLICT', /no name is free; give the container one with --name/),
    );
  });
});
