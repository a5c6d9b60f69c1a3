/** What the comparison should show, and whether it does. */
import type { Architecture, SideName } from './sides.ts';

export interface Target {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly met: boolean;
}

/** Geometric means of slowdowns by kind, and over all programs; a side that has none of a kind is absent there. */
export interface Means {
  readonly kinds: ReadonlyMap<string, ReadonlyMap<SideName, number>>;
  readonly overall: ReadonlyMap<SideName, number>;
}

const OVERALL_MAX = 6;
/** On i386, to be ahead of both peers; what has no number here must be ahead of both as they were measured. */
const KIND_MAX: Readonly<Record<string, number>> = {
  integer: 3,
  calls: 4,
  x87: 25,
  sse2: 6,
  memory: 3,
  system: 6,
  work: 6,
};
/** Of v86's processor time for a boot. */
const BOOT_SHARE_MAX = 0.5;

function atMost(name: string, value: number | undefined, limit: number | undefined): Target[] {
  return value === undefined || limit === undefined ? [] : [{ name, value, limit, met: value <= limit }];
}

function fastestPeer(means: ReadonlyMap<SideName, number>): number | undefined {
  const peers = [...means].filter(([side]) => side === 'qemu' || side === 'v86').map(([, mean]) => mean);
  return peers.length === 0 ? undefined : Math.min(...peers);
}

/** Our means against fixed limits on i386, against QEMU's on amd64; a boot (in milliseconds by side) against v86's. */
export function targetsFor(
  architecture: Architecture,
  { kinds, overall }: Means,
  bootMs: ReadonlyMap<SideName, number>,
): Target[] {
  const boot = (): Target[] => {
    const [ours, theirs] = [bootMs.get('vivarium'), bootMs.get('v86')];
    return ours === undefined || theirs === undefined ? [] : atMost('boot / v86', ours / theirs, BOOT_SHARE_MAX);
  };
  if (architecture === 'amd64')
    return [...kinds].flatMap(([kind, means]) => atMost(`${kind}: QEMU`, means.get('vivarium'), means.get('qemu')));
  return [
    ...[...kinds].flatMap(([kind, means]) =>
      atMost(
        kind in KIND_MAX ? kind : `${kind}: both peers`,
        means.get('vivarium'),
        KIND_MAX[kind] ?? fastestPeer(means),
      ),
    ),
    ...atMost('all', overall.get('vivarium'), OVERALL_MAX),
    ...boot(),
  ];
}
