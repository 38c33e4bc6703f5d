import t from 'tap';
import { checkMachine, fittingDrivers, platformOf, type Wanted } from '../../../cli/node/check-machine.ts';
import { joinMachine } from '../../../cli/node/join-machine.ts';
import type { MachineFacts } from '../../../cli/remote/facts.ts';

const good: MachineFacts = {
  system: 'Linux',
  machine: 'x86_64',
  libc: 'glibc 2.36',
  release: 'Debian GNU/Linux 12',
  hostname: 'box',
  root: true,
  user: 'root',
  systemd: true,
  engines: { docker: '/var/run/docker.sock' },
  freeBytes: 2 ** 30,
  time: 1000,
  gateway: true,
  programDigest: '',
  serviceDigest: '',
  gatewayFile: '',
  optionsFile: '',
  running: false,
};
const wanted: Wanted = { drivers: [], gateway: 'gw:3022', now: 1000 };

t.test('a machine that has all it needs is fine in every point', async t => {
  t.same(
    checkMachine(good, wanted).map(({ name, state }) => `${name} ${state}`),
    [
      'system ok',
      'C library ok',
      'rights ok',
      'engine ok',
      'disk ok',
      'clock ok',
      'gateway ok',
      'service ok',
    ],
  );
});

const rows: {
  what: string;
  facts?: Partial<MachineFacts>;
  wanted?: Partial<Wanted>;
  name: string;
  state: 'ok' | 'warning' | 'failed';
  says: RegExp;
}[] = [
  {
    what: 'macOS',
    facts: { system: 'Darwin' },
    name: 'system',
    state: 'failed',
    says: /linux-x64 or linux-arm64/,
  },
  { what: 'a MIPS', facts: { machine: 'mips64' }, name: 'system', state: 'failed', says: /mips64/ },
  { what: 'musl', facts: { libc: 'musl' }, name: 'C library', state: 'failed', says: /glibc 2\.28 or newer/ },
  { what: 'an old glibc', facts: { libc: 'glibc 2.27' }, name: 'C library', state: 'failed', says: /2\.27/ },
  { what: 'a newer major', facts: { libc: 'glibc 3.1' }, name: 'C library', state: 'ok', says: /3\.1/ },
  {
    what: 'no rights',
    facts: { root: false, user: 'bob' },
    name: 'rights',
    state: 'failed',
    says: /bob is not root[\s\S]*NOPASSWD/,
  },
  { what: 'sudo', facts: { user: 'bob' }, name: 'rights', state: 'ok', says: /bob, root by sudo/ },
  { what: 'no engine', facts: { engines: {} }, name: 'engine', state: 'failed', says: /--install-engine/ },
  {
    what: 'not the engine that was asked for',
    wanted: { drivers: ['lxc'] },
    name: 'engine',
    state: 'failed',
    says: /driver lxc/,
  },
  {
    what: 'Podman, which is driven as Docker is',
    facts: { engines: { podman: '/run/podman/podman.sock' } },
    wanted: { drivers: ['docker'] },
    name: 'engine',
    state: 'ok',
    says: /podman\.sock/,
  },
  { what: 'a full disk', facts: { freeBytes: 1000 }, name: 'disk', state: 'failed', says: /400 MiB/ },
  { what: 'a slow clock', facts: { time: 900 }, name: 'clock', state: 'warning', says: /100 s behind/ },
  { what: 'a fast clock', facts: { time: 1100 }, name: 'clock', state: 'warning', says: /100 s ahead/ },
  {
    what: 'a gateway out of reach',
    facts: { gateway: false },
    name: 'gateway',
    state: 'failed',
    says: /gw:3022 is not reached[\s\S]*--gateway HOST:PORT/,
  },
  {
    what: 'a gateway whose name nobody told it',
    facts: { gateway: false, isGatewayUnknown: true },
    name: 'gateway',
    state: 'failed',
    says: /gw:3022 is not reached from there: its name is not known there/,
  },
  {
    what: 'nothing to ask with',
    facts: { gateway: undefined },
    name: 'gateway',
    state: 'warning',
    says: /cannot be asked/,
  },
  { what: 'no systemd', facts: { systemd: false }, name: 'service', state: 'warning', says: /no systemd/ },
];

for (const { what, facts, wanted: more, name, state, says } of rows)
  t.test(`${what}: ${state}`, async t => {
    const check = checkMachine({ ...good, ...facts }, { ...wanted, ...more }).find(one => one.name === name);
    t.equal(check?.state, state);
    t.match(`${check?.text}\n${check?.next}`, says);
  });

t.test('platform and drivers follow from what is there', async t => {
  t.equal(platformOf({ system: 'Linux', machine: 'aarch64' }), 'linux-arm64');
  t.equal(platformOf({ system: 'FreeBSD', machine: 'amd64' }), undefined);
  t.same(fittingDrivers({ engines: { docker: '/d', podman: '/p', lxc: '/l' } }), {
    drivers: ['docker', 'lxc'],
    options: {},
  });
  t.same(fittingDrivers({ engines: { podman: '/p' } }), {
    drivers: ['docker'],
    options: { dockerSocket: '/p' },
  });
});

t.test('the token is told by standard input alone, and taken back when the join fails', async t => {
  const gateway = {
    host: 'gw',
    port: 3022,
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA'],
    user: 'admin',
  };
  for (const code of [0, 1]) {
    const scripts: string[] = [];
    const given: string[] = [];
    const remote = {
      destination: 'root@box',
      async run(script: string, { stdin = '' } = {}) {
        scripts.push(script);
        given.push(stdin);
        return { code, stdout: '', stderr: 'error: the token was used already\nnext: make a new one\n' };
      },
      must: async (_what: string, script: string) => {
        scripts.push(script);
        return '';
      },
      put: async () => {},
      close: async () => {},
    };
    const calls: string[] = [];
    const client = {
      create: async () => void calls.push('create'),
      delete: async () => void calls.push('delete'),
    };
    const context = {
      client: async () => client,
      clock: { now: () => 0 },
      signal: new AbortController().signal,
    } as never;
    const join = joinMachine(remote, good, {
      name: 'box',
      options: {},
      gateway: { published: gateway, reached: gateway },
      context,
    });
    if (code === 0) t.match(await join, { isNew: true });
    else await t.rejects(join, { message: 'the machine could not join: the token was used already' });
    t.match(given[0], /^nexus-join\.[0-9a-f]{16}\.\S+$/);
    t.notOk(
      scripts.some(script => script.includes('nexus-join.')),
      'no process is called with it',
    );
    t.same(calls, ['create', 'delete']);
  }
});
