/**
 * Devices of containers (runtime-spec config-linux.md "Devices", "Allowed Device list"). crun makes and allows the usual ones
 * (null, zero, full, random, urandom, tty, and terminals) by itself. A privileged container gets the guest's others too, as far
 * as their numbers are fixed (Linux Documentation/admin-guide/devices.txt); it may make whatever else it finds in /sys.
 */

/** runtime-spec `linux.resources.devices`. */
export interface DeviceRule {
  allow: boolean;
  type?: 'a' | 'b' | 'c';
  access: string;
}

/** runtime-spec `linux.devices`. */
export interface RuntimeDevice {
  path: string;
  type: 'b' | 'c';
  major: number;
  minor: number;
  fileMode: number;
}

export const NO_OTHER_DEVICES: readonly DeviceRule[] = [{ allow: false, access: 'rwm' }];
export const EVERY_DEVICE: readonly DeviceRule[] = [{ allow: true, access: 'rwm' }];

const MISC = 10;
const LOOP = 7;
const PRIVATE = 0o600;
const DISK = 0o660;

const character = (path: string, major: number, minor: number, fileMode = PRIVATE): RuntimeDevice => ({
  path,
  type: 'c',
  major,
  minor,
  fileMode,
});

/** In /dev of privileged containers. */
export const PRIVILEGED_DEVICES: readonly RuntimeDevice[] = [
  character('/dev/kmsg', 1, 11, 0o644),
  character('/dev/hwrng', MISC, 183),
  character('/dev/net/tun', MISC, 200, 0o666),
  character('/dev/fuse', MISC, 229, 0o666),
  character('/dev/loop-control', MISC, 237, DISK),
  ...Array.from({ length: 8 }, (_, minor) => ({
    path: `/dev/loop${minor}`,
    type: 'b' as const,
    major: LOOP,
    minor,
    fileMode: DISK,
  })),
];
