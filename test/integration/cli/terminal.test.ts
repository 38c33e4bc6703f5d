import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { localServer } from '../../support/local-server.ts';
import { until, within } from '../../support/until.ts';

const run = promisify(execFile);
const NEXUS = fileURLToPath(new URL('../../../cli/nexus', import.meta.url));
const server = await localServer();
t.teardown(() => server.close());
const env = { PATH: process.env.PATH, HOME: server.home, NEXUS_HOME: server.home, LANG: 'C.UTF-8' };

const manifest = (name: string, spec: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`;

/** Runs a line in bash, with `nexus` on the path. */
const bash = (line: string) =>
  run('bash', ['-c', line], { env: { ...env, PATH: `${join(NEXUS, '..')}:${env.PATH}` } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

t.test('whoever reads only the first line makes no noise', async t => {
  for (let i = 0; i < 3; i++) {
    const { code, stdout, stderr } = await bash('set -o pipefail; nexus get crds -o yaml | head -1');
    t.match({ code, stdout, stderr }, { code: 0, stdout: 'apiVersion: v1\n', stderr: '' });
  }
});

t.test('the launcher follows links, and passes arguments and exit codes through', async t => {
  const dir = t.testdir({});
  const { code, stdout } = await bash(`ln -s ${NEXUS} ${dir}/nx; ${dir}/nx version --client; ${dir}/nx get`);
  t.match({ code, stdout }, { code: 2, stdout: /^nexus \d/ });
});

t.test('bash completes commands, kinds and names', async t => {
  await server.apply(manifest('shop', '{driver: memory}'));
  const complete = async (...words: string[]) => {
    const line = `source <(nexus completion bash); COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; "$(complete -p nexus | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await bash(line);
    t.equal(stderr, '');
    return stdout.trim();
  };
  t.equal(await complete('nexus', 'app'), 'apply');
  t.equal(await complete('nexus', 'get', 'worksp'), 'workspaces');
  t.equal(await complete('nexus', 'ssh', 'sh'), 'shop');
});

t.test('Ctrl-C ends what was under way with 130, and what goes on until then with 0', async t => {
  const file = join(t.testdir({ 'w.yaml': manifest('never', '{driver: lxc}') }), 'w.yaml');
  for (const [args, code] of [
    [['apply', '-f', file, '--wait'], 130],
    [['apply', '-f', file, '--wait'], 130],
    [['apply', '-f', file, '--wait'], 130],
    [['get', 'ws', '-w'], 0],
  ] as const) {
    const child = spawn(NEXUS, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise(resolve => child.once('exit', (status, signal) => resolve(status ?? signal)));
    // What it prints first comes after it has begun to listen to signals.
    await within(once(child.stdout, 'data'), { timeoutMs: 60_000, what: () => `${args.join(' ')} to print` });
    child.kill('SIGINT');
    const end = within(ended, { timeoutMs: 60_000, what: () => `${args.join(' ')} to end` });
    t.equal(await end, code, args[0]);
  }
});

const noTmux = spawnSync('tmux', ['-V']).error ? 'tmux is not installed' : false;

t.test(
  'apply --wait draws a live picture on a terminal, and leaves it standing',
  { skip: noTmux },
  async t => {
    const dir = t.testdir({
      'w.yaml': manifest('quick', '{driver: memory}') + manifest('stuck', '{driver: lxc}'),
    });
    const socket = `nexus-${process.pid}`;
    const tmux = (...args: string[]) => run('tmux', ['-L', socket, ...args], { env });
    t.teardown(() => tmux('kill-server').catch(() => {}));
    const line = `${NEXUS} apply -f ${dir} --wait --timeout 12s; echo "exit $?"; exec sleep 60`;
    await tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '20', 'sh', '-c', line);
    const screen = async () => (await tmux('capture-pane', '-p', '-t', '0')).stdout;
    let last = '';
    const shows = (pattern: RegExp) =>
      until(
        async () => {
          last = await screen();
          return pattern.test(last);
        },
        { timeoutMs: 15_000, what: () => `${pattern} on\n${last}` },
      );
    await shows(/^✓ quick {2}7\/7 \d+s {2}ready$/m);
    await shows(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] stuck {2}0\/7 \d+s {2}Scheduled · .+/m);
    await shows(/exit 5/);
    t.equal(last.match(/quick {2}/g)?.length, 1, 'drawn over itself, not below');
    t.match(last, /error: stuck is not ready within 12 s: [\s\S]*\nnext: nexus describe ws stuck/);
  },
);

t.test('ws status -w draws over itself, and NO_COLOR takes the colours away', { skip: noTmux }, async t => {
  await server.apply(
    manifest('seen', '{driver: memory, services: [{name: web, command: x, port: 80}]}'),
    '--wait',
  );
  const socket = `nexus-status-${process.pid}`;
  const tmux = (...args: string[]) => run('tmux', ['-L', socket, ...args], { env });
  t.teardown(() => tmux('kill-server').catch(() => {}));
  const line = `${NEXUS} ws status seen -w; NO_COLOR=1 ${NEXUS} ws services seen; exec sleep 60`;
  await tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '30', 'sh', '-c', line);
  let last = '';
  const shows = (pattern: RegExp, ...more: string[]) =>
    until(
      async () => {
        last = (await tmux('capture-pane', '-p', ...more, '-t', '0')).stdout;
        return pattern.test(last);
      },
      { timeoutMs: 15_000, what: () => `${pattern} on\n${last}` },
    );
  await shows(/^✓ seen {2}Running$/m);
  await shows(/^\s*.{1,40}seen.{1,40}Running/m, '-e');
  t.ok(last.includes('\u001b[32m'), 'in colour');
  await server.cli(['stop', 'seen']);
  await shows(/^○ seen {2}Stopped$/m);
  t.equal(last.match(/seen {2}/g)?.length, 1, 'drawn over itself');
  t.match(last, /^ {2}○ web +Stopped/m);
  await server.cli(['delete', 'ws', 'seen', '--no-wait']);
  await shows(/seen was deleted/);
});
