import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { bootScript } from '../../../agent/drivers/lxc/boot-script.ts';
import { baseConfig, environmentConfig, type Placed } from '../../../agent/drivers/lxc/instance-options.ts';
import { limitConfig, limitsOf } from '../../../agent/drivers/lxc/limits.ts';
import type { LxdFacts } from '../../../agent/drivers/lxc/lxd-facts.ts';
import { guestCommand } from '../../../agent/guest/program.ts';
import { hasProgram } from '../../../manifests/install/packages.mjs';

const boot = { hostname: 'shop', gateway: '10.1.2.1', command: guestCommand() };

t.test('limits come back as they were given', async () => {
  const amount = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: undefined });
  fc.assert(
    fc.property(
      amount(256_000),
      amount(2 ** 40),
      fc.integer({ min: 1, max: 99_999 }),
      (cpu, memory, pids) => {
        const limits = {
          ...(cpu !== undefined && { cpuMillis: cpu }),
          ...(memory !== undefined && { memoryBytes: memory }),
          pids,
        };
        t.strictSame(limitsOf(limitConfig(limits)), limits);
      },
    ),
  );
});

t.test('what somebody wrote into limits by hand is no limit of ours', async t => {
  t.same(limitsOf({ 'limits.cpu.allowance': '50%', 'limits.memory': '2GiB' }), { pids: 0 });
  t.same(limitConfig({ pids: 0 }), { 'limits.processes': '4096' }, 'there is always one');
});

t.test('the script of the first process', async t => {
  await t.test('is one for every shell', { skip: !hasProgram('shellcheck') && 'no shellcheck' }, async () => {
    for (const isBare of [false, true])
      execFileSync('shellcheck', ['-s', 'dash', '-S', 'warning', '-'], {
        input: bootScript({ ...boot, isBare }),
      });
  });

  await t.test('begins the command to the letter', async t => {
    const command = ['printf', '%s|', "it's", '$HOME', 'a\nb', '`false`', '"', '\\', ''];
    const [head = ''] = bootScript({ ...boot, command }).split('\nPATH=');
    t.equal(
      execFileSync('sh', ['-s'], { input: `${head}\n"$@"` }).toString(),
      `${command.slice(2).join('|')}|`,
    );
  });

  await t.test('leaves the init of an image alone that is only looked into', async t => {
    t.notMatch(bootScript({ ...boot, isBare: true }), '[ -x /sbin/init ]');
    t.match(bootScript(boot), '[ -x /sbin/init ]');
  });
});

t.test('an instance is configured for LXD and for Incus', async t => {
  const placed: Placed = {
    pool: 'p',
    network: { name: 'n', subnet: { gateway: '10.1.2.1', bits: 24 }, isGiven: false },
    address: '10.1.2.3',
    canFilter: true,
  };
  const tmpfs = { '/run/nexus': { sizeBytes: 4096, mode: 0o755 }, '/x': { sizeBytes: 1, mode: 0o700 } };
  const config = (kind: 'lxd' | 'incus') =>
    baseConfig(placed, { hostname: 'shop', tmpfs }, { kind } as LxdFacts);
  t.match(config('lxd'), { 'security.devlxd': 'false' });
  t.match(config('incus'), { 'security.guestapi': 'false' });
  const mounts = config('lxd')['raw.lxc']?.match(/(?<=entry = tmpfs )\S+/g);
  t.same(mounts, ['x', 'run', 'run/nexus'], 'a file system of memory below what is mounted in it');
  t.match(config('lxd')['raw.lxc'], 'size=4096,mode=0755,create=dir');
  for (const path of ['/a b', '/../x', 'x'])
    t.throws(() => baseConfig(placed, { hostname: 'shop', tmpfs: { [path]: tmpfs['/x'] } }, {} as LxdFacts), {
      code: 'Invalid',
    });
});

t.test('variables are passed on, and refused when LXD would take them for something else', async t => {
  t.same(environmentConfig({ A: 'b c="d"' }), { 'environment.A': 'b c="d"' });
  t.throws(() => environmentConfig({ A: 'b\nlxc.init.cmd = x' }), { code: 'Invalid' });
  t.throws(() => environmentConfig({ 'A B': 'c' }), { code: 'Invalid' });
});
