import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { temporaryFolder } from './folder.ts';

const meta = (name: string, namespace?: string) => ({
  name,
  ...(namespace && { namespace }),
  creationTimestamp: '2026-01-02T03:04:05Z',
});

const WORKSPACE = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: meta('shop', 'default'),
  spec: {
    running: true,
    repo: { url: 'https://example.com/shop.git', ref: 'main' },
    services: [
      { name: 'db', command: 'postgres', port: 5432 },
      { name: 'job', command: 'run' },
    ],
    ports: [{ name: 'debug', port: 9229, exposure: 'Node' }],
  },
  status: {
    phase: 'Running',
    servicesReady: '1/2',
    nodeName: 'node-1',
    image: 'debian:12',
    ssh: { host: 'node-1.example.com', port: 2222, user: 'dev' },
    conditions: [
      { type: 'Scheduled', status: 'True' },
      { type: 'Ready', status: 'False' },
    ],
    repository: { commit: '1f3c' },
    services: [
      {
        name: 'db',
        state: 'Running',
        health: 'Healthy',
        restarts: 2,
        hostPort: 23000,
        url: 'http://node-1:23000',
      },
    ],
    ports: [
      { name: 'db', port: 5432, hostPort: 23000, exposure: 'Private', state: 'Open' },
      { name: 'debug', port: 9229, hostPort: 23001, exposure: 'Node', state: 'Failed' },
    ],
  },
} as KubeObject;

const BARE = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: meta('bare', 'team'),
  spec: {},
} as KubeObject;

const NODE = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Node',
  metadata: meta('node-1'),
  spec: { unschedulable: true },
  status: {
    address: '10.0.0.1',
    drivers: [
      { name: 'docker', ready: true },
      { name: 'lxc', ready: false },
    ],
    capacity: { cpu: '8', memory: '16Gi', disk: '100Gi' },
    allocated: { cpu: '2', memory: '4Gi', disk: '20Gi', workspaces: 3 },
    versions: { agent: '0.1.0' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
} as KubeObject;

const USER = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: meta('ada'),
  spec: { role: 'admin', github: { login: 'ada', id: 7 }, sshKeys: ['ssh-ed25519 AAAA', 'ssh-ed25519 BBBB'] },
} as KubeObject;

function hasSqlite(): boolean {
  try {
    return execFileSync('sqlite3', ['--version']).length > 0;
  } catch {
    return false;
  }
}

t.test(
  'an operator asks the views with sqlite3 while the server runs',
  { skip: !hasSqlite() && 'not run: there is no sqlite3 here (apt-get install sqlite3)' },
  async t => {
    const file = join(temporaryFolder(t), 'nexus.db');
    const store = await openSqliteStore({ file });
    t.teardown(() => store.close());
    const ask = (query: string): Record<string, unknown>[] =>
      JSON.parse(execFileSync('sqlite3', ['-readonly', '-json', file, query], { encoding: 'utf8' }) || '[]');
    for (const view of ['workspaces', 'services', 'users', 'nodes', 'ports'])
      t.strictSame(ask(`SELECT * FROM ${view}`), []);

    const first = await store.create('/nexus.dev/workspaces/default/shop', BARE);
    await store.update(first.key, WORKSPACE, first.revision);
    await store.create('/nexus.dev/workspaces/team/bare', BARE);
    await store.create('/nexus.dev/workspaces/team/gone', BARE);
    await store.delete('/nexus.dev/workspaces/team/gone', 4);
    await store.create('/nexus.dev/workspacesx/team/other', BARE);
    await store.create('/nexus.dev/nodes//node-1', NODE);
    await store.create('/nexus.dev/users//ada', USER);

    t.match(ask('SELECT * FROM workspaces ORDER BY name DESC'), [
      {
        namespace: 'default',
        name: 'shop',
        phase: 'Running',
        running: 1,
        ready: 'False',
        services_ready: '1/2',
        node: 'node-1',
        ssh_host: 'node-1.example.com',
        ssh_port: 2222,
        ssh_user: 'dev',
        image: 'debian:12',
        repo_url: 'https://example.com/shop.git',
        repo_ref: 'main',
        repo_commit: '1f3c',
        created: '2026-01-02T03:04:05Z',
        deleting_since: null,
        revision: 2,
      },
      { namespace: 'team', name: 'bare', phase: null, running: 1, ready: null, node: null },
    ]);
    t.strictSame(
      ask(
        'SELECT namespace, workspace, name, state, health, restarts, port, host_port, url, command, node FROM services',
      ),
      [
        {
          namespace: 'default',
          workspace: 'shop',
          name: 'db',
          state: 'Running',
          health: 'Healthy',
          restarts: 2,
          port: 5432,
          host_port: 23000,
          url: 'http://node-1:23000',
          command: 'postgres',
          node: 'node-1',
        },
        {
          namespace: 'default',
          workspace: 'shop',
          name: 'job',
          state: null,
          health: null,
          restarts: null,
          port: null,
          host_port: null,
          url: null,
          command: 'run',
          node: 'node-1',
        },
      ],
    );
    const port = { namespace: 'default', workspace: 'shop', node: 'node-1' };
    t.strictSame(ask('SELECT * FROM ports ORDER BY port'), [
      { ...port, name: 'ssh', port: 22, host_port: 2222, exposure: 'Node', state: null },
      { ...port, name: 'db', port: 5432, host_port: 23000, exposure: 'Private', state: 'Open' },
      { ...port, name: 'debug', port: 9229, host_port: 23001, exposure: 'Node', state: 'Failed' },
    ]);
    t.match(ask('SELECT * FROM nodes'), [
      {
        name: 'node-1',
        ready: 'True',
        unschedulable: 1,
        address: '10.0.0.1',
        drivers: 'docker lxc',
        workspaces: 3,
        cpu: '8',
        cpu_allocated: '2',
        memory: '16Gi',
        memory_allocated: '4Gi',
        agent_version: '0.1.0',
      },
    ]);
    t.match(ask('SELECT * FROM users'), [
      { name: 'ada', role: 'admin', github_login: 'ada', github_id: 7, ssh_keys: 2 },
    ]);
    t.throws(
      () => execFileSync('sqlite3', [file, "UPDATE workspaces SET phase = 'Failed'"], { stdio: 'pipe' }),
      /cannot modify workspaces because it is a view/,
    );
    await store.create('/nexus.dev/workspaces/team/more', BARE);
    t.strictSame(ask('SELECT count(*) AS n FROM workspaces'), [{ n: 3 }], 'and the server goes on');
  },
);
