import t from 'tap';
import { fitLine, styleOf, withoutColor } from '../../../cli/output/style.ts';
import { nextSteps } from '../../../cli/workspace/next-steps.ts';
import { serviceMark, serviceRows } from '../../../cli/workspace/service-rows.ts';
import { servicesLines } from '../../../cli/workspace/services.ts';
import { statusLines } from '../../../cli/workspace/status.ts';
import type { Workspace } from '../../../crds/types.generated.ts';

const web = { name: 'web', command: 'x', port: 3000, healthCheck: { http: { path: '/' } } };
const db = { name: 'db', command: 'x', port: 5432, exposure: 'Node' as const };
const job = { name: 'job', command: 'x' };

const workspace = (status: object, spec: object = {}): Workspace =>
  ({
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'shop', namespace: 'alice', generation: 2 },
    spec: { services: [web, db, job], ...spec },
    status: { observedGeneration: 2, ...status },
  }) as Workspace;

const running = [
  { name: 'web', state: 'Running', health: 'Healthy', restarts: 2, url: 'http://127.0.0.1:23000' },
  { name: 'db', state: 'Running', url: 'http://10.0.0.5:23001' },
  { name: 'job', state: 'Running' },
];
const plain = { io: { stdout: {}, env: {} } } as never;
const terminal = { io: { stdout: { isTTY: true }, env: { LANG: 'C.UTF-8' } } } as never;

t.test('a service answers here where its node is this machine, or its port is on the node', async t => {
  const urls = (isHere: boolean) =>
    serviceRows(workspace({ phase: 'Running', services: running }), isHere).map(row => row.localUrl);
  t.same(urls(true), ['http://127.0.0.1:23000', 'http://10.0.0.5:23001', undefined]);
  t.same(urls(false), [undefined, 'http://10.0.0.5:23001', undefined]);
});

t.test('what is no link of the web is opened by nobody', t => {
  for (const url of ['file:///etc/passwd', 'vscode://x', '--new-window', 'http:///x', ''])
    t.match(
      serviceRows(workspace({ phase: 'Running', services: [{ ...running[1], url }] }), true)[1],
      { isUp: true, localUrl: undefined },
      url,
    );
  t.end();
});

t.test('a service that is down says why, with no address', async t => {
  const cases: [reason: string, state: object, why: string, mark: string][] = [
    [
      'the agent says',
      { state: 'Backoff', message: 'ended with exit code 1' },
      'ended with exit code 1',
      'bad',
    ],
    [
      'not checked',
      { state: 'Running', health: 'Unknown' },
      'its health check has not passed yet (Unknown)',
      'busy',
    ],
    ['unhealthy', { state: 'Running', health: 'Unhealthy', message: 'HTTP 500' }, 'HTTP 500', 'bad'],
    ['waiting', { state: 'Waiting', message: 'waits for db' }, 'waits for db', 'busy'],
  ];
  for (const [reason, state, why, mark] of cases) {
    const seen = workspace({ phase: 'Degraded', services: [{ name: 'web', url: 'http://x', ...state }] });
    const [row] = serviceRows(seen, true);
    t.match(row, { isUp: false, why, localUrl: undefined, logFile: '/var/log/nexus/web.log' }, reason);
    t.equal(row && serviceMark(row, seen), mark, reason);
  }
  const [unseen] = serviceRows(workspace({ phase: 'Creating', message: 'The image is being pulled.' }), true);
  t.match(unseen, { status: 'Pending', why: 'The image is being pulled.' });
  const stopped = workspace({ phase: 'Stopped' }, { running: false });
  t.match(serviceRows(stopped, true)[0], { why: 'the workspace is stopped' });
  const silent = workspace({ phase: 'Unknown', message: 'The node is silent.', services: running });
  t.match(serviceRows(silent, true)[1], { isUp: false, why: 'The node is silent.' }, 'nobody vouches for it');
});

t.test('the table lines up, with and without colours, and tells where logs are', async t => {
  const seen = workspace({
    phase: 'Degraded',
    services: [running[0], { name: 'db', state: 'Backoff', message: 'ended\u001b[2J' }, running[2]],
  });
  const rows = serviceRows(seen, false);
  const lines = servicesLines(seen, rows, plain);
  t.same(lines, [
    'SERVICE   STATUS    HEALTH    PORT   LOCAL URL   RESTARTS',
    'web       Running   Healthy   3000   -           2',
    'db        Backoff   -         5432   -           0',
    'job       Running   -         -      -           0',
    '',
    'db: ended [2J',
    '  log: nexus logs shop db   (in the workspace: /var/log/nexus/db.log)',
    '',
    'not reached from here as it is: nexus workspace open shop web',
  ]);
  const colored = servicesLines(seen, rows, terminal);
  t.ok(colored[2]?.startsWith('\u001b[31m✗\u001b[0m db  '));
  t.match(withoutColor(colored[1] ?? ''), /^✓ web +Running +Healthy/);
});

t.test('colours and symbols are for terminals that take them', async t => {
  const look = (isTTY: boolean, env: object) => {
    const { mark, color, isLive } = styleOf({ isTTY }, { LANG: 'en_US.UTF-8', ...env });
    return [mark('good'), color(31, 'x'), isLive];
  };
  t.same(look(true, {}), ['\u001b[32m✓\u001b[0m ', '\u001b[31mx\u001b[0m', true]);
  t.same(look(true, { NO_COLOR: '1' }), ['✓ ', 'x', true]);
  t.same(look(true, { NO_COLOR: '' }), ['\u001b[32m✓\u001b[0m ', '\u001b[31mx\u001b[0m', true]);
  t.same(look(true, { LC_ALL: 'C' }), ['', '\u001b[31mx\u001b[0m', true]);
  t.same(look(true, { TERM: 'dumb' }), ['', 'x', false]);
  t.same(look(false, {}), ['', 'x', false]);
});

t.test('a line is cut to the width of the terminal, its colours ended', async t => {
  t.equal(fitLine('abc', 3), 'abc');
  t.equal(fitLine('abcd', 3), 'ab…');
  t.equal(fitLine('\u001b[31mabc\u001b[0m', 3), '\u001b[31mabc\u001b[0m');
  t.equal(fitLine('\u001b[31mabcdef\u001b[0m', 3), '\u001b[31mab…\u001b[0m');
  t.equal(fitLine('a\u001b[31mb\u001b[0mcdef', 4), 'a\u001b[31mb\u001b[0mc…');
});

t.test('the status tells why it is not ready, and what helps', async t => {
  const condition = (type: string, status: string, reason: string) => ({
    type,
    status,
    reason,
    message: 'm',
  });
  const seen = workspace(
    {
      phase: 'Degraded',
      message: 'Service web ended.',
      nodeName: 'n1',
      ssh: { user: 'dev', endpoint: 'n1:2222' },
      repository: { commit: '1f3c9a7b2d4e5f60', branch: 'main', dirty: true },
      services: [{ name: 'web', state: 'Backoff', message: 'ended' }],
      conditions: [
        condition('Scheduled', 'True', 'Scheduled'),
        condition('ServicesReady', 'False', 'ServiceExited'),
        condition('Ready', 'False', 'ServiceExited'),
      ],
    },
    { repo: { url: 'https://github.com/acme/shop.git' } },
  );
  const lines = statusLines(
    seen,
    { rows: serviceRows(seen, false), isWatching: false, alias: 'shop.ws' },
    plain,
  );
  const text = lines.join('\n');
  t.match(text, /^shop {2}Degraded\n {2}Service web ended\.$/m);
  t.match(text, /^SSH: +ssh shop\.ws {3}\(dev@n1:2222\)$/m);
  t.match(
    text,
    /^Repository: +https:\/\/github\.com\/acme\/shop\.git · main @ 1f3c9a7b2d4e · with changes that are not pushed$/m,
  );
  t.match(text, /^Services: 0\/3 up\n {2}web +Backoff +Unknown +port 3000 +ended$/m);
  t.match(text, /^Not so yet:\n {2}ServicesReady +ServiceExited +m\n\nNext:\n {2}nexus logs shop web\n/m);
  t.same(nextSteps(seen, true), ['nexus logs shop web']);
  const good = workspace({ phase: 'Running', conditions: [condition('Ready', 'True', 'Ready')] });
  t.same(nextSteps(good), ['nexus workspace connect shop', 'nexus workspace open shop web']);
  t.same(nextSteps(workspace({ conditions: [condition('Ready', 'False', 'Stopped')] }), true), [
    'nexus start shop',
  ]);
});
