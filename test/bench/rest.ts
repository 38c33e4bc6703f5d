import { parseArgs } from 'node:util';
import { readKubeconfig } from '../../controller/client/kubeconfig.ts';
import { NODE, USER } from '../../crds/kinds.ts';
import { DEFAULT_SERVICE_PORTS, DEFAULT_SSH_PORTS } from '../../crds/names.ts';
import { BenchClient, type Target } from '../support/api-bench-target.ts';
import { fakeGitHub } from '../support/github/fake-github.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { until } from '../support/until.ts';
import { type Figures, percentile, report } from './report.ts';

const USERS = 10;
const WORKSPACES = 5;

interface Person {
  name: string;
  client: BenchClient;
  workspaces: string[];
  /** Creates that were answered before there was a port. */
  portless: number;
}

/** What a server does in its first second: all of its code is new to it. Told, and not held to the target. */
const FIRST = 'first creates';

/**
 * `rest [--rounds N]`: ten users at once, each with five workspaces and a connection, ask the REST API for one thing after
 * the other without a pause. `nexus up` runs beside it, with the in-memory driver.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '40' } } });
  const github = await fakeGitHub();
  const up = await nexusUp({
    args: [`--github-api=${github.url}`, '--rest-rate=1000000', '--log-level=info'],
    engine: { args: ['--drivers=memory'], clear: async () => {} },
  });
  const { clusters } = await readKubeconfig(up.kubeconfig);
  const { server = '', 'certificate-authority-data': ca = '' } = clusters?.[0]?.cluster ?? {};
  const targetOf = (token: string): Target => ({
    server: `${server}/api/v1`,
    tls: { ca: Buffer.from(ca, 'base64').toString() },
    headers: { authorization: `Bearer ${token}` },
    close: async () => {},
  });
  const people: Person[] = Array.from({ length: USERS }, (_, i) => {
    const name = `user-${i}`;
    return { name, client: new BenchClient(targetOf(github.token(name))), workspaces: [], portless: 0 };
  });
  const times = new Map<string, number[]>();
  const timed = async (what: string, ask: Promise<string>) => {
    const began = performance.now();
    const answer = await ask;
    const list = times.get(what) ?? [];
    times.set(what, list);
    list.push(performance.now() - began);
    return answer;
  };
  try {
    // The in-memory driver opens none of them, so they may be as they are by default: enough for all.
    await up.client.patch(NODE, { name: up.node }, 'merge', {
      spec: { ports: { ssh: DEFAULT_SSH_PORTS, services: DEFAULT_SERVICE_PORTS } },
    });
    for (const { name } of people)
      await up.client.create(USER, {
        apiVersion: 'nexus.dev/v1alpha1',
        kind: 'User',
        metadata: { name },
        spec: { github: { login: name, id: github.idOf(name) } },
      });
    await Promise.all(people.map(person => prepare(person, timed)));
    for (let round = 0; round < Number(values.rounds); round++)
      await Promise.all(people.map(person => ask(person, round, timed)));
    const figures: Figures[] = [...times].map(([name, list]) => ({ name, values: list }));
    const held = figures.filter(({ name }) => name !== FIRST);
    const all = held.flatMap(one => one.values);
    report(
      'rest',
      [...figures, { name: 'all', values: all }],
      [
        { what: 'p95 of all answers', value: percentile(all, 0.95), bound: '<=', target: 200 },
        {
          what: 'p95 of the slowest kind of call',
          value: Math.max(...held.map(one => percentile(one.values, 0.95))),
          bound: '<=',
          target: 200,
        },
        {
          what: 'creates answered without a port',
          value: people.reduce((sum, { portless }) => sum + portless, 0),
          bound: '<=',
          target: 0,
        },
      ],
    );
  } finally {
    for (const { client } of people) client.close();
    await up.destroy();
    await github.close();
  }
}

type Timed = (what: string, ask: Promise<string>) => Promise<string>;

async function create(person: Person, workspace: string, ask: (sent: Promise<string>) => Promise<string>) {
  const { name, client } = person;
  const body = {
    github_username: name,
    workspace_name: workspace,
    repo: { owner: 'acme', name: 'shop', url: 'https://github.com/acme/shop.git', is_fork: true },
    services: [{ name: 'web', command: 'npm start', port: 3000 }],
  };
  const answer = await ask(client.call('POST', '/workspaces/create', body));
  const { workspace_id: id, ssh_port: port } = JSON.parse(answer) as Record<string, string | null>;
  if (port === null) person.portless++;
  return id ?? '';
}

async function prepare(person: Person, timed: Timed): Promise<void> {
  const { name, client, workspaces } = person;
  await until(async () => (await client.call('GET', '/workspaces').catch(() => '')) !== '', {
    timeoutMs: 30_000,
    what: () => `${name} to be let in`,
  });
  for (let i = 0; i < WORKSPACES; i++)
    workspaces.push(await create(person, `w-${i}`, sent => timed(FIRST, sent)));
  const isUp = async (id: string) =>
    (await client.call('GET', `/workspaces/${id}/ssh`).catch(() => '')) !== '';
  await until(async () => (await Promise.all(workspaces.map(isUp))).every(Boolean), {
    timeoutMs: 60_000,
    what: () => `the workspaces of ${name} to run`,
    everyMs: 500,
  });
}

/** What an editor or a page asks for, and now and then a stop, a start, a create and a delete. */
async function ask(person: Person, round: number, timed: Timed): Promise<void> {
  const { client, workspaces } = person;
  const [first, ...others] = workspaces;
  const id = others[round % others.length];
  await timed('list', client.call('GET', '/workspaces?limit=50'));
  await timed('status', client.call('GET', `/workspaces/${id}/status`));
  await timed('services', client.call('GET', `/workspaces/${id}/services`));
  await timed('ssh', client.call('GET', `/workspaces/${id}/ssh`));
  await timed('nodes', client.call('GET', '/nodes'));
  if (round % 4 === 0)
    await timed('stop', client.call('POST', `/workspaces/${first}/stop`, { force: false }));
  if (round % 4 === 0) await timed('start', client.call('POST', `/workspaces/${first}/start`, {}));
  if (round % 4 !== 2) return;
  const made = await create(person, `r-${round}`, sent => timed('create', sent));
  await timed('delete', client.call('DELETE', `/workspaces/${made}?force=true`));
}
