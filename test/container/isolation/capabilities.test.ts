import { expect, test } from 'vitest';
import {
  ALL_CAPABILITIES,
  DEFAULT_CAPABILITIES,
  resolveCapabilities,
  type CapabilityWishes,
} from '../../../src/container/isolation/capabilities.ts';

const resolve = (wishes: Partial<CapabilityWishes>) =>
  resolveCapabilities({ capAdd: [], capDrop: [], privileged: false, ...wishes });
const without = (all: readonly string[], ...names: string[]) => all.filter((name) => !names.includes(name));

test('without wishes it is the default set', () => {
  expect(resolve({}).sort()).toEqual([...DEFAULT_CAPABILITIES].sort());
  expect(DEFAULT_CAPABILITIES).toHaveLength(14);
});

test('names count in any case, with and without CAP_', () => {
  expect(resolve({ capAdd: ['net_admin', 'CAP_SYS_TIME'] })).toEqual(
    expect.arrayContaining(['CAP_NET_ADMIN', 'CAP_SYS_TIME']),
  );
  expect(resolve({ capDrop: ['cap_chown'] })).not.toContain('CAP_CHOWN');
});

test('dropping all leaves what is added', () => {
  expect(resolve({ capDrop: ['all'] })).toEqual([]);
  expect(resolve({ capDrop: ['ALL'], capAdd: ['CHOWN', 'BPF'] })).toEqual(['CAP_CHOWN', 'CAP_BPF']);
});

test('adding all leaves out what is dropped by name', () => {
  expect(resolve({ capAdd: ['ALL'] })).toEqual(ALL_CAPABILITIES);
  expect(resolve({ capAdd: ['ALL'], capDrop: ['SYS_ADMIN'] })).toEqual(without(ALL_CAPABILITIES, 'CAP_SYS_ADMIN'));
});

test('what is added and dropped is there', () => {
  expect(resolve({ capAdd: ['CHOWN'], capDrop: ['CHOWN'] })).toContain('CAP_CHOWN');
});

test('a privileged container has all, whatever is dropped', () => {
  expect(resolve({ privileged: true, capDrop: ['ALL'] })).toEqual(ALL_CAPABILITIES);
});

test.each([
  [{ capAdd: ['SYS_MAGIC'] }, '--cap-add "SYS_MAGIC" is no capability'],
  [{ capDrop: [''] }, '--cap-drop "" is no capability'],
  [{ privileged: true, capAdd: ['X'] }, '--cap-add "X"'],
])('%j is refused', (wishes, message) => expect(() => resolve(wishes)).toThrow(message));
