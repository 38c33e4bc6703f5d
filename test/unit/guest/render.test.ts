import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { splitLogin } from '../../../agent/guest/git-login.ts';
import type { GuestDesired } from '../../../agent/guest/guest.ts';
import { clonePayload, putPayload } from '../../../agent/guest/payload.ts';
import {
  GUEST_PROGRAM,
  GUEST_SHELL,
  GUEST_VERSION,
  guestCommand,
  MANAGED_PATHS,
} from '../../../agent/guest/program.ts';
import { renderGuest } from '../../../agent/guest/render.ts';
import { shellExports, shellQuote } from '../../../controller/kit/shell-quote.ts';
import { sshFingerprint } from '../../../controller/kit/ssh-public-key.ts';

const desired: GuestDesired = {
  user: 'dev',
  authorizedKeys: ['ssh-ed25519 AAAA one\nssh-ed25519 BBBB smuggled', '  ', 'ssh-ed25519 CCCC two'],
  agentKey: 'ssh-ed25519 DDDD agent\n',
  hostKey: 'key without a line break',
  env: { A: 'b', 'not-a-name': 'x', UID: '7' },
  services: [{ name: 'web', command: `echo 'hi'`, workingDir: 'app', env: { A: 'c', B: 'd' } }],
};
const inDir = (t: Test, name: string, content: string) => {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-guest-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};

t.test('any text comes out of a shell as it went in', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter(value => !value.includes('\0'));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), values => {
      const script = values.map(value => `printf '%s\\001' ${shellQuote(value)}\n`).join('');
      return (
        execFileSync('sh', { input: script, encoding: 'utf8' }) ===
        values.map(value => `${value}\x01`).join('')
      );
    }),
    { numRuns: 20 },
  );
});

t.test('variables that a shell cannot set are left out', async t => {
  t.equal(
    shellExports({ A: `it's`, 'a-b': 'x', EUID: '0', N: 'a\0b', _1: '' }),
    `export A='it'\\''s'\nexport _1=''\n`,
  );
});

t.test('what is about the workspace changes the definition of those services alone that name it', async t => {
  const services: typeof desired.services = [
    { name: 'web', command: 'serve --db "$NEXUS_SERVICE_DB_PORT"', env: {} },
    { name: 'proxy', command: 'proxy', env: { TO: '$NEXUS_SERVICE_WEB_URL/x' } },
    { name: 'db', command: 'echo NEXUS_SERVICE_DB_PORTS', env: {} },
  ];
  const digests = (about: Record<string, string> | undefined) => {
    const { services: rendered } = renderGuest({ ...desired, services, ...(about && { about }) });
    return Object.entries(rendered).map(([name, { digest }]) => `${name} ${digest}`);
  };
  const about = { NEXUS_WORKSPACE: 'shop', NEXUS_SERVICE_DB_PORT: '5432', NEXUS_SERVICE_WEB_URL: 'http://x' };
  const before = digests(about);
  const changed = (next: Record<string, string>) =>
    digests({ ...about, ...next })
      .filter(one => !before.includes(one))
      .map(one => one.split(' ')[0]);
  t.same(changed({}), []);
  t.same(changed({ NEXUS_SERVICE_DB_PORT: '5433' }), ['web']);
  t.same(changed({ NEXUS_SERVICE_WEB_URL: 'http://y' }), ['proxy']);
  t.same(changed({ NEXUS_SERVICE_NEW_PORT: '1' }), [], 'another service disturbs none');
  t.equal(digests(undefined)[2], before[2], 'one that names none is as it always was');
  const { runtime } = renderGuest({ ...desired, about });
  t.match(
    runtime.find(({ path }) => path === '/run/nexus/about'),
    {
      mode: 0o644,
      content: /^export NEXUS_WORKSPACE='shop'$/m,
    },
  );
});

t.test('files are for those who need them', async t => {
  const { boot, runtime, keys } = renderGuest(desired);
  const files = Object.fromEntries([...boot, ...runtime, ...keys].map(file => [file.path, file]));
  t.strictSame(Object.keys(files).sort(), [...MANAGED_PATHS].sort());
  t.match(files['/run/nexus/ssh_host_ed25519_key'], { mode: 0o600, uid: undefined, content: /break\n$/ });
  t.match(files['/run/nexus/env'], { mode: 0o400, uid: 1000, content: `export A='b'\n` });
  t.equal(
    boot.some(({ path }) => path.startsWith('/run/')),
    false,
    'nothing secret is put before the first start',
  );
});

t.test('a key cannot bring another one along, and the agent may only forward', async t => {
  const lines = renderGuest(desired).keys[0]?.content.toString().trimEnd().split('\n') ?? [];
  t.equal(lines.length, 6);
  t.equal(lines[0], `# ${sshFingerprint(Buffer.from('AAAA', 'base64'))}`);
  t.match(lines[1], /^ssh-ed25519 AAAA one ssh-ed25519 BBBB smuggled$/);
  t.equal(lines[4], `# ${sshFingerprint(Buffer.from('DDDD', 'base64'))}`);
  t.match(
    lines[5],
    /^restrict,port-forwarding,permitopen="127\.0\.0\.1:\*".*command="\/bin\/false" ssh-ed25519 DDDD agent$/,
  );
  t.equal(
    renderGuest({ ...desired, agentKey: undefined })
      .keys[0]?.content.toString()
      .includes('restrict'),
    false,
  );
});

t.test('a service has the common environment under its own', async t => {
  const { files, digest } = renderGuest(desired).services.web!;
  t.equal(
    files[0]?.content,
    `export A='c'\nexport B='d'\nnexus_dir='app'\nnexus_command='echo '\\''hi'\\'''\n`,
  );
  t.match(digest, /^[0-9a-f]{64}$/);
});

t.test('the program names its version and is clean for shells and shellcheck', async t => {
  t.match(GUEST_PROGRAM, `\nVERSION='${GUEST_VERSION}'\n`);
  for (const path of MANAGED_PATHS.filter(path => path.startsWith('/opt')))
    t.match(GUEST_PROGRAM + GUEST_SHELL, path.replace('/opt/nexus/etc', ''));
  const path = inDir(t, 'guest', GUEST_PROGRAM);
  const shell = inDir(t, 'shell', GUEST_SHELL);
  const boot = fileURLToPath(new URL('../../../agent/guest/program/boot.sh', import.meta.url));
  t.notMatch(guestCommand().at(-1), /^\s*#/m, 'everybody sees it: without its comments');
  const has = (name: string) => {
    try {
      execFileSync('sh', ['-c', `command -v ${name}`]);
      return true;
    } catch {
      return false;
    }
  };
  const checks: [string, string[]][] = [
    ['sh', ['-n']],
    ['dash', ['-n']],
    ['bash', ['--posix', '-n']],
    ['busybox', ['sh', '-n']],
    ['shellcheck', []],
  ];
  for (const [name, args] of checks)
    for (const file of [path, shell, boot])
      if (has(name))
        t.doesNotThrow(() => execFileSync(name, [...args, file], { stdio: 'pipe' }), `${name} ${file}`);
});

t.test('files that a shell cannot carry are refused', async t => {
  t.throws(() => putPayload([{ path: '/a', content: Buffer.from('a\0b'), mode: 0o600 }]), {
    code: 'Invalid',
  });
  t.equal(putPayload([{ path: '/a', content: 'x', mode: 0o40, uid: 1, gid: 2 }]), `put 0040 1:2 '/a' 'x'\n`);
});

t.test('a login is taken out of the URL, and is for its host alone', async t => {
  t.strictSame(splitLogin('https://h.example:8443/a.git', { password: 'secret\n' }), {
    url: 'https://h.example:8443/a.git',
    login: { origin: 'https://h.example:8443', username: 'git', password: 'secret' },
  });
  const origin = 'https://h.example';
  t.strictSame(splitLogin('https://ada:p%40ss@h.example/a.git'), {
    url: 'https://h.example/a.git',
    login: { origin, username: 'ada', password: 'p@ss' },
  });
  t.match(splitLogin('https://token@h.example/a').login, { username: 'token', password: 'token' });
  t.match(splitLogin('https://ada:old@h.example/a', { username: 'bob', password: 'new' }).login, {
    username: 'bob',
    password: 'new',
  });
  t.match(splitLogin('https://a:%E0@h.example/a').login, { password: '%E0' });
  t.strictSame(splitLogin('ssh://git:pw@h.example/a.git'), { url: 'ssh://git@h.example/a.git' });
  t.match(splitLogin('git@h.example:a.git', { sshKey: 'KEY' }), {
    url: 'git@h.example:a.git',
    login: { origin: '', sshKey: 'KEY\n' },
  });
  t.strictSame(splitLogin('https://h.example/a.git'), { url: 'https://h.example/a.git' });
  t.notMatch(clonePayload({ url: 'https://ada:needle@h.example/a.git', token: 't' }), 'needle');
});

t.test('a login is rendered for the shell, and an absent one as nothing', async t => {
  const of = (git: GuestDesired['git']) =>
    Object.fromEntries(
      renderGuest({ ...desired, ...(git && { git }) }).runtime.map(f => [f.path, f.content]),
    );
  const login = { origin: 'https://h', username: 'a', password: "p'w" };
  t.equal(
    of(login)['/run/nexus/git-login'],
    `nexus_origin='https://h'\nnexus_username='a'\nnexus_password='p'\\''w'\n`,
  );
  t.match(of(undefined), { '/run/nexus/git-login': '', '/run/nexus/git-key': '' });
});
