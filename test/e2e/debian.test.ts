/**
 * A Debian system and an i386 program on our machine; what they print is compared with what the host's CPU makes of the
 * same files under chroot. Needs the build, mmdebstrap and umoci, and root for chroot.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox386Image, debianImage } from '../support/debian-images.ts';
import { viv } from '../support/viv.ts';

const MAKE_IMAGES_MS = 240_000;
const RUN_MS = 120_000;
/** Our CPU has no AVX2 and FMA, with which the C library computes other last digits. */
const SAME_MATHEMATICS = 'GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4';
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  PYTHONHASHSEED: '0',
};

let layout: string;
let root: string;
let image386: string;
beforeAll(async () => {
  const debian = await debianImage();
  layout = debian.layout;
  image386 = await busybox386Image();
  root = mkdtempSync(join(tmpdir(), 'vivarium-debian-'));
  execFileSync('tar', ['-C', root, '-xf', debian.tarball]);
}, MAKE_IMAGES_MS);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const BASH = `
declare -A seen; for word in the quick brown fox jumps over the lazy dog; do ((seen[$word]++)); done
for word in "\${!seen[@]}"; do echo "$word \${seen[$word]}"; done | sort
[[ "abc-123" =~ ^([a-z]+)-([0-9]+)$ ]] && printf '%s|%05d|%x\\n' "\${BASH_REMATCH[1]}" "\${BASH_REMATCH[2]}" 3735928559
echo $((2**62 / 7)) $((-17 % 5)); ls /usr/bin | sha256sum; (exit 5); echo $?`;
const PERL = `
my %h = map { $_ => sqrt($_) } 1..20; printf "%s %.15g\\n", $_, $h{$_} for sort { $a <=> $b } keys %h;
my $s = join ",", map { sprintf "%e", exp($_) * sin($_) } -5..5; print "$s\\n"; $s =~ s/(\\d)/<$1>/g; print length $s, "\\n";
printf "%.17g %s\\n", atan2(1, 1) * 4, 2 ** 0.5; print join(" ", sort { $b cmp $a } qw(x86 amd64 i386)), "\\n"; printf "%u\\n", ~0;`;
const PYTHON = `
import hashlib, json, math, decimal, fractions, random, re, struct, zlib, statistics, datetime, sys
random.seed(7); xs = [random.gauss(0, 1) for _ in range(2000)]
print(repr(sum(xs)), repr(statistics.stdev(xs)), repr(math.fsum(xs)))
print([repr(f(0.7)) for f in (math.sin, math.cos, math.tan, math.exp, math.log, math.erf, math.gamma, math.asinh)])
for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"): print(name, hashlib.new(name, b"vivarium" * 1000).hexdigest())
decimal.getcontext().prec = 60; print(decimal.Decimal(2).sqrt(), fractions.Fraction(22, 7) ** 9, 7 ** 300 % 10 ** 40)
print(zlib.crc32(b"x" * 100000), len(zlib.compress(json.dumps(xs).encode(), 9)), struct.pack("<dfq", 1 / 3, 1 / 3, -5).hex())
print(re.sub(r"(\\w+) (\\w+)", r"\\2 \\1", "hello world " * 3), datetime.date(2024, 2, 29).isocalendar(), sys.version)`;
const COMPILE = `
cp -r /usr/lib/python3.11/json /usr/lib/python3.11/email /usr/lib/python3.11/logging /tmp/
cd /tmp && python3 -m compileall -q --invalidation-mode unchecked-hash json email logging
find json email logging -name '*.pyc' | sort | xargs sha256sum; rm -r json email logging`;

describe('a Debian system', () => {
  test.each<[name: string, command: string[]]>([
    ['bash', ['bash', '-c', BASH]],
    ['perl', ['perl', '-e', PERL]],
    ['python', ['python3', '-c', PYTHON]],
    ['apt', ['apt', '--version']],
    ['a compilation of a part of the library of python', ['sh', '-c', COMPILE]],
  ])(
    'prints with %s what it does under chroot',
    async (_, command) => {
      const variables = Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
      const expected = execFileSync('chroot', [
        root,
        'env',
        '-i',
        SAME_MATHEMATICS,
        ...variables,
        ...command,
      ]).toString();

      const { status, stdout, stderr } = await viv([
        'run',
        ...variables.flatMap((variable) => ['-e', variable]),
        layout,
        ...command,
      ]);

      expect({ status, out: stdout.toString(), err: stderr }).toEqual({ status: 0, out: expected, err: '' });
    },
    RUN_MS,
  );
});

describe('an image for linux/386', () => {
  test('runs', async () => {
    const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('');
    const sum = createHash('md5').update(numbers).digest('hex');

    const { status, stdout } = await viv([
      'run',
      image386,
      'sh',
      '-c',
      'seq 20000 | md5sum; awk "BEGIN { print 1 / 3, 7.5 * 2 }"; exit 4',
    ]);

    expect([status, stdout.toString()]).toEqual([4, `${sum}  -\n0.333333 15\n`]);
  });

  test('is not taken when another platform is asked for', async () => {
    const { status, stderr } = await viv(['run', '--platform', 'linux/amd64', image386, 'true']);

    expect([status, stderr]).toEqual([125, expect.stringContaining('(UNSUPPORTED_PLATFORM)')]);
  });
});
