/** Limits, rights and namespaces of containers, in real guests: what `viv run` is asked for is what a program meets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox386Image, debianImage } from '../support/debian-images.ts';
import { startViv, viv } from '../support/viv.ts';

const MAKE_IMAGES_MS = 240_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-isolation-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Result {
  status: number | null;
  out: string;
  err: string;
}

async function run(...words: string[]): Promise<Result> {
  const { status, stdout, stderr } = await viv(['run', ...words]);
  return { status, out: stdout.toString(), err: stderr };
}

/** A shell of the built-in image with these options. */
const shell = (options: string[], script: string): Promise<Result> => run(...options, 'busybox', 'sh', '-c', script);

describe('a limit of memory', () => {
  const HOG = `awk 'BEGIN { s = "x"; while (1) s = s s }'`;

  test('ends a program that wants more, with 137', async () => {
    expect((await run('-m', '24m', 'busybox', 'awk', 'BEGIN { s = "x"; while (1) s = s s }')).status).toBe(137);
  });

  test('is told of by the control group, and the rest of the container goes on', async () => {
    const { status, out } = await shell(
      ['-m', '24m'],
      `${HOG}; echo $?; grep oom_kill /sys/fs/cgroup/memory.events; exit 3`,
    );

    expect([status, out]).toEqual([3, expect.stringMatching(/^137\noom_kill 1\n/)]);
  });

  test('comes with the others', async () => {
    const options = ['-m', '64m', '--memory-swap', '96m', '--memory-reservation', '32m', '-c', '512'];
    const { out } = await shell(options, 'cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low cpu.weight');

    expect(out).toBe(`${64 << 20}\n${32 << 20}\n${32 << 20}\n20\n`);
  });
});

test('a limit of processes stops who forks without end, and the rest goes on', async () => {
  const script = `
    (i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i + 1)); done)
    read now < /sys/fs/cgroup/pids.current; read refused < /sys/fs/cgroup/pids.events
    echo $now $refused; exit 5`;
  const { status, out, err } = await shell(['--pids-limit', '12'], script);

  expect([status, out]).toEqual([5, '11 max 1\n']);
  expect(err).toContain("can't fork");
});

test('a limit of CPU time holds a busy program back', async () => {
  const script = `usage() { awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/cpu.stat; }
    before=$(usage); read from rest < /proc/uptime
    timeout 3 sh -c 'while :; do :; done'
    after=$(usage); read to rest < /proc/uptime
    awk "BEGIN { print (($after - $before) / 1000000 < 0.35 * ($to - $from)) }"
    awk '/^nr_throttled/ { print ($2 > 5) }' /sys/fs/cgroup/cpu.stat`;

  expect((await shell(['--cpus', '0.2'], script)).out).toBe('1\n1\n');
  expect((await shell(['--cpu-period', '20000', '--cpu-quota', '10000'], 'cat /sys/fs/cgroup/cpu.max')).out).toBe(
    '10000 20000\n',
  );
});

test("a process's limits are those asked for", async () => {
  const options = ['--ulimit', 'nofile=32:64', '--ulimit', 'core=-1', '--ulimit', 'fsize=1000000'];
  const { out } = await shell(
    options,
    'ulimit -Sn; ulimit -Hn; ulimit -c; head -c 2000000 /dev/zero > /big; wc -c < /big',
  );

  expect(out).toBe('32\n64\nunlimited\n1000000\n');
});

describe('mounts', () => {
  test('of a read-only container take no change but in memory', async () => {
    const { out, err } = await shell(
      ['--read-only', '--tmpfs', '/run'],
      'touch /made; echo x >> /etc/hosts; touch /run/made /dev/shm/made && echo made; ls -d /run/made /dev/shm/made',
    );

    expect(out).toBe('made\n/dev/shm/made\n/run/made\n');
    expect(err).toBe("touch: /made: Read-only file system\nsh: can't create /etc/hosts: Read-only file system\n");
  });

  test('of memory have size, mode and no programs', async () => {
    const { out, err } = await shell(
      ['--tmpfs', '/run:size=1m,mode=711', '--mount', 'type=tmpfs,target=/mnt,tmpfs-size=2m', '--shm-size', '3m'],
      `stat -c %a /run; df -k /run /mnt /dev/shm | awk 'NR > 1 { print $2 }'
       cp /bin/busybox /mnt/true 2> /dev/null; chmod +x /mnt/true; /mnt/true; head -c 2m /dev/zero > /run/big 2> /dev/null; wc -c < /run/big`,
    );

    expect(out).toBe('711\n1024\n2048\n3072\n1048576\n');
    expect(err).toBe('sh: /mnt/true: Permission denied\n');
  });

  test('by fields share a folder', async () => {
    writeFileSync(join(folder, 'given'), 'from the host\n');

    expect(
      await run(
        '--mount',
        `type=bind,source=${folder},target=/in,readonly`,
        'busybox',
        'sh',
        '-c',
        'cat /in/given; touch /in/x',
      ),
    ).toEqual({ status: 1, out: 'from the host\n', err: 'touch: /in/x: Read-only file system\n' });
  });
});

describe('capabilities', () => {
  const TRY =
    'touch /f; chown 5 /f && echo chown; mknod /n c 1 3 && echo mknod; ping -c 1 -q 127.0.0.1 > /dev/null && echo ping';

  test('are enough by default for files, devices and raw sockets', async () => {
    expect(await shell([], TRY)).toEqual({ status: 0, out: 'chown\nmknod\nping\n', err: '' });
  });

  test('that were dropped are gone', async () => {
    const { out, err } = await shell(['--cap-drop', 'CHOWN', '--cap-drop', 'mknod', '--cap-drop', 'CAP_NET_RAW'], TRY);

    expect(out).toBe('');
    expect(err).toMatch(/^chown: .*not permitted\nmknod: .*not permitted\nping: permission denied/);
  });

  test('can all be dropped', async () => {
    expect((await shell(['--cap-drop', 'ALL'], 'grep -E "Cap(Eff|Bnd)" /proc/self/status')).out).toBe(
      'CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n',
    );
  });

  test('that were added work, and open the filter', async () => {
    const set = 'date -s @1000000000 > /dev/null; date +%s | cut -c 1-7';

    expect((await shell(['--cap-add', 'SYS_TIME'], set)).out).toBe('1000000\n');
    expect((await shell([], set)).err).toContain('not permitted');
    expect((await shell(['--cap-add', 'SYS_ADMIN'], 'mount -t tmpfs x /mnt && unshare -m true && echo done')).out).toBe(
      'done\n',
    );
  });

  test('of a privileged container are all, with devices, control groups and kernel parameters', async () => {
    const script = `grep Seccomp: /proc/self/status; mount -t tmpfs x /mnt; ls /dev/fuse /dev/loop0
      mkdir /sys/fs/cgroup/in && rmdir /sys/fs/cgroup/in; echo 60 > /proc/sys/vm/swappiness; head -c 10 /proc/timer_list`;

    expect(await shell(['--privileged'], script)).toEqual({
      status: 0,
      out: 'Seccomp:\t0\n/dev/fuse\n/dev/loop0\nTimer List',
      err: '',
    });
  });
});

describe('paths of the kernel', () => {
  test('are masked or read-only', async () => {
    const { out, err } = await shell(
      [],
      'cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware; echo 1 > /proc/sys/vm/swappiness; echo h > /proc/sysrq-trigger; echo 1 > /sys/fs/cgroup/pids.max',
    );

    expect(out).toBe('0\n');
    expect(err.match(/Read-only file system/g)).toHaveLength(3);
  });

  test('are open when that is asked for', async () => {
    const { out } = await shell(
      ['--security-opt', 'systempaths=unconfined'],
      'head -c 10 /proc/timer_list; ls /sys/firmware | wc -l',
    );

    expect(out).toMatch(/^Timer List[1-9]/);
  });
});

describe('an init', () => {
  test('is process 1, and reaps what nobody waits for', async () => {
    const script = `echo $$; read name < /proc/1/comm; echo $name
      sh -c 'sleep 0.2 & exit'; sleep 1; grep -l 'State:.Z' /proc/[0-9]*/status; true`;

    expect(await shell(['--init'], script)).toEqual({ status: 0, out: '2\ndocker-init\n', err: '' });
  });

  test('passes signals on', async () => {
    const trap = 'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.1; done';
    const program = startViv(['run', '--init', 'busybox', 'sh', '-c', trap]);
    await program.printed('ready');
    program.child.kill('SIGTERM');

    const { status, stdout } = await program.ended;

    expect([status, stdout.toString()]).toEqual([9, 'ready\ncaught\n']);
  });

  test.each([
    [['sh', '-c', 'exit 6'], 6],
    [['sh', '-c', 'kill -KILL $$'], 137],
    [['no-such-program'], 127],
    [['/etc/passwd'], 126],
  ])('ends as %j does', async (words, status) => {
    expect((await run('--init', 'busybox', ...words)).status).toBe(status);
  });
});

test('kernel parameters and how readily the kernel kills are those asked for', async () => {
  const options = ['--sysctl', 'kernel.shmmax=4096', '--sysctl', 'fs.mqueue.msg_max=7', '--oom-score-adj', '77'];
  const files = '/proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max /proc/self/oom_score_adj';

  expect((await shell(options, `cat ${files}`)).out).toBe('4096\n7\n77\n');
});

test('a network of its own has lo alone, with parameters of its own', async () => {
  const options = ['--network', 'none', '--sysctl', 'net.ipv4.ip_forward=1'];
  const script =
    'ls /sys/class/net; ping -c 1 -q 127.0.0.1 > /dev/null && echo ping; cat /proc/sys/net/ipv4/ip_forward';

  expect((await shell(options, script)).out).toBe('lo\nping\n1\n');
});

test('groups are added by name and number', async () => {
  expect((await shell(['-u', '1000', '--group-add', 'tty', '--group-add', '77'], 'id -G')).out).toBe('0 5 77\n');
});

describe('the filter of system calls', () => {
  /** Makes each call by its number and prints the error; 0 when it worked. */
  const CALLS = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.argtypes = [ctypes.c_long] * 7
for name, *words in [line.split() for line in sys.argv[1].split(",")]:
    ctypes.set_errno(0)
    failed = libc.syscall(*([int(word, 0) for word in words] + [0] * (7 - len(words)))) < 0
    print(name, ctypes.get_errno() if failed else 0)`;
  const EPERM = 1;
  const ENOSYS = 38;
  const ATTEMPTS: [string, number][] = [
    ['keyctl 250 0 -3 1', EPERM],
    ['add_key 248', EPERM],
    ['unshare 272 0x10000000', EPERM],
    ['setns 308', EPERM],
    ['mount 165', EPERM],
    ['reboot 169', EPERM],
    ['io_uring_setup 425', EPERM],
    ['userfaultfd 323 1', EPERM],
    ['clone3 435', ENOSYS],
    ['newer 460', ENOSYS],
    ['personality 135 0x0100000', EPERM],
    ['question 135 0xffffffff', 0],
    ['socket 41 1 1', 0],
    ['AF_ALG 41 38 5', EPERM],
    ['AF_ALG_with_high_bits 41 0x100000026 5', EPERM],
    ['AF_VSOCK 41 40 1', EPERM],
    ['getpid 39', 0],
  ];
  let debian: string;
  let image386: string;
  beforeAll(async () => {
    debian = (await debianImage()).layout;
    image386 = await busybox386Image();
  }, MAKE_IMAGES_MS);

  test('refuses what is about the whole kernel', async () => {
    const { out } = await run(debian, 'python3', '-c', CALLS, ATTEMPTS.map(([call]) => call).join(','));

    expect(out).toBe(ATTEMPTS.map(([call, error]) => `${call.split(' ')[0]} ${error}\n`).join(''));
  });

  test('is there, and can be switched off', async () => {
    const script = 'grep Seccomp: /proc/self/status; unshare -U true && echo unshared';

    expect(await shell([], script)).toMatchObject({ status: 1, out: 'Seccomp:\t2\n' });
    expect(await shell(['--security-opt', 'seccomp=unconfined'], script)).toMatchObject({
      status: 0,
      out: 'Seccomp:\t0\nunshared\n',
    });
  });

  test("may be the user's", async () => {
    const profile = join(folder, 'no-mkdir.json');
    const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }];
    writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));

    expect(await shell(['--security-opt', `seccomp=${profile}`], 'mkdir /made; chmod 700 /tmp && echo chmod')).toEqual({
      status: 0,
      out: 'chmod\n',
      err: "mkdir: can't create directory '/made': No space left on device\n",
    });
  });

  test('lets i386 programs work, and refuses them the same', async () => {
    const script = `awk '/Seccomp:/ { print $2 }' /proc/self/status; uname -m; seq 300 | md5sum
      busybox=/bin/busybox; $busybox mkdir /made && $busybox chmod 700 /made && $busybox ls -ld /made | $busybox cut -c 1-10
      $busybox unshare -U true; $busybox mount -t tmpfs x /made`;
    const { out, err } = await run(image386, 'sh', '-c', script);

    expect(out).toBe('2\nx86_64\nbf4fa7116e26846bba3502a134f9bcba  -\ndrwx------\n');
    expect(err).toMatch(/^unshare: .*not permitted\nmount: permission denied/);
  });

  test('and no new privileges keep a set-user-ID program from its owner’s rights', async () => {
    const script = `cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id
      python3 -c "import os; os.setgid(65534); os.setuid(65534); os.execv('/tmp/id', ['id', '-u'])"`;

    expect((await run(debian, 'sh', '-c', script)).out).toBe('0\n');
    expect((await run('--security-opt', 'no-new-privileges', debian, 'sh', '-c', script)).out).toBe('65534\n');
  });
});
