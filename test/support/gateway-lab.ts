import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { newAgentKey } from '../../agent/ssh/agent-key.ts';
import type { LocatePlacement } from '../../agent/uplink/serve-streams.ts';
import { createUplink, type Uplink } from '../../agent/uplink/uplink.ts';
import { createApiServer } from '../../controller/apiserver/api-server.ts';
import type { Client } from '../../controller/client/client.ts';
import { createClient } from '../../controller/client/create-client.ts';
import { injectTransport } from '../../controller/client/inject-transport.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../controller/gateway/gateway.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { Metrics } from '../../controller/kit/metrics.ts';
import type { SshKey } from '../../controller/kit/ssh-key-file.ts';
import { createMemoryStore } from '../../controller/store/memory.ts';
import { NODE, ROLE_BINDING, USER, WORKSPACE } from '../../crds/kinds.ts';
import { ROLE_MEMBER } from '../../crds/names.ts';
import { recordingLogger } from './recording-logger.ts';
import { startSshd } from './sshd.ts';
import { tellWhenFailed } from './tell-when-failed.ts';
import { patience, until } from './until.ts';

/** Keys for all tests: making them takes its time. */
export const KEYS = {
  gateway: newAgentKey(),
  workspace: newAgentKey(),
  alice: newAgentKey(),
  bob: newAgentKey(),
  node: newAgentKey(),
  stranger: newAgentKey(),
};

const ME = userInfo().username;

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A gateway over a real API server: alice and bob with a workspace each on node n1, whose sshd is OpenSSH's own. */
export async function gatewayLab(
  t: Test,
  {
    before,
    sshdConfig = [],
    ...options
  }: Partial<GatewayOptions> & { before?: (client: Client) => Promise<void>; sshdConfig?: string[] } = {},
) {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-gateway-'));
  const store = createMemoryStore();
  const server = await createApiServer({ store, crds: loadCrds(), policy: loadPolicy() });
  const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
  const transport = injectTransport(server.app, { authorization: `Bearer ${token}` });
  const client = createClient({ transport });
  const { log, lines } = recordingLogger();
  const metrics = new Metrics();
  const sshd = await startSshd({
    dir: join(dir, 'sshd'),
    hostKey: KEYS.workspace,
    authorizedKeys: [KEYS.alice.publicKey, KEYS.bob.publicKey, KEYS.stranger.publicKey],
    config: sshdConfig,
  });
  await declare(client);
  await before?.(client);

  const abort = new AbortController();
  const gateway = createGateway({
    client,
    transport,
    hostKey: KEYS.gateway,
    published: () => ({ address: 'gateway.example.com:3022', hostKeys: [KEYS.gateway.publicKey] }),
    clock: systemClock,
    log,
    metrics,
    ...options,
  });
  const informers = gateway.informers.map(part => part.run(abort.signal));
  await Promise.all(gateway.informers.map(part => part.ready));
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  const uplinks: (() => Promise<void>)[] = [];

  t.teardown(async () => {
    await Promise.all(uplinks.map(stop => stop()));
    await gateway.close();
    abort.abort();
    await Promise.all(informers);
    await server.close();
    await store.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  });
  tellWhenFailed(t, () => ({ client, logs: { gateway: () => lines.join('\n') } }));

  const lab = {
    dir,
    client,
    /** For what the server itself would refuse. */
    store,
    gateway: gateway as Gateway,
    port,
    sshd,
    lines,
    metrics,
    /** An agent's end of the uplink of n1, with the sshd as the workspaces `shop.alice` and `mail.bob`. */
    async uplink(
      o: {
        key?: SshKey;
        hostKeys?: string[];
        locate?: LocatePlacement;
        socket?: string;
        log?: Logger;
        through?: number;
      } = {},
    ) {
      const stop = new AbortController();
      const uplink: Uplink = createUplink({
        gateway: () => ({
          nodeName: 'n1',
          addresses: [`127.0.0.1:${o.through ?? port}`],
          ...(o.socket && { socket: o.socket }),
          hostKeys: o.hostKeys ?? [KEYS.gateway.publicKey],
        }),
        privateKey: (o.key ?? KEYS.node).privateKey,
        locate: o.locate ?? locateSshd(sshd.port),
        clock: systemClock,
        log: o.log ?? log,
        random: () => 0.05,
      });
      const ended = uplink.run(stop.signal);
      const close = async () => {
        stop.abort();
        await ended;
      };
      uplinks.push(close);
      return {
        uplink,
        close,
        connected: () =>
          until(() => uplink.isConnected, {
            timeoutMs: 15_000,
            everyMs: 5,
            what: () => `an uplink\n${lines.join('\n')}`,
          }),
      };
    },
    /** Files and options for OpenSSH's programs: the host `gateway`, and workspaces by name behind it. */
    ssh(who: { key: SshKey; user?: string; gatewayKey?: SshKey; workspaceKey?: SshKey }) {
      const id = Math.random().toString(36).slice(2, 10);
      const file = (name: string) => join(dir, `${id}-${name}`);
      const { gatewayKey = KEYS.gateway, workspaceKey = KEYS.workspace } = who;
      writeFileSync(file('key'), who.key.privateKey, { mode: 0o600 });
      writeFileSync(
        file('known'),
        `gateway ${gatewayKey.publicKey}\nshop.alice,shop,mail.bob,mail,*.alice,*.bob ${workspaceKey.publicKey}\n`,
      );
      writeFileSync(
        file('config'),
        [
          'Host *',
          `  IdentityFile ${file('key')}`,
          '  IdentitiesOnly yes',
          '  IdentityAgent none',
          `  UserKnownHostsFile ${file('known')}`,
          '  GlobalKnownHostsFile /dev/null',
          '  StrictHostKeyChecking yes',
          '  BatchMode yes',
          '  ConnectTimeout 10',
          'Host gateway',
          '  HostName 127.0.0.1',
          `  Port ${port}`,
          `  User ${who.user ?? 'anybody'}`,
          '  HostKeyAlias gateway',
          'Host shop* mail*',
          `  User ${ME}`,
          '  ProxyJump gateway',
        ].join('\n'),
      );
      const config = file('config');
      const run = (program: string, args: string[], input?: string): Promise<RunResult> =>
        new Promise(resolve => {
          const child = execFile(
            program,
            args,
            { timeout: patience(60_000), maxBuffer: 64 * 1024 * 1024 },
            (error, stdout, stderr) =>
              resolve({ code: error ? Number(error.code ?? 255) : 0, stdout, stderr }),
          );
          // It may end before it has read any.
          child.stdin?.on('error', () => {}).end(input ?? '');
        });
      return {
        config,
        run,
        ssh: (args: string[], input?: string) => run('ssh', ['-F', config, ...args], input),
      };
    },
    logged: (message: string, fields: Record<string, unknown> = {}) =>
      lines.filter(
        line =>
          line.includes(message) &&
          Object.entries(fields).every(([key, value]) => line.includes(`"${key}":${JSON.stringify(value)}`)),
      ),
    /** Waits for a line of the gateway's or agent's log. */
    untilLogged: (message: string, fields: Record<string, unknown> = {}, timeoutMs = 10_000) =>
      until(() => lab.logged(message, fields)[0], {
        timeoutMs,
        everyMs: 10,
        what: () => `the line "${message}" ${JSON.stringify(fields)}\n${lines.slice(-30).join('\n')}`,
      }),
    /** A plain connection to the gateway. */
    socket(): Promise<Socket> {
      return new Promise((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port });
        socket.once('connect', () => resolve(socket));
        socket.once('error', reject);
        t.teardown(() => socket.destroy());
      });
    },
  };
  return lab;
}

export type GatewayLab = Awaited<ReturnType<typeof gatewayLab>>;

export function locateSshd(port: number): LocatePlacement {
  return placement => {
    if (!['shop.alice', 'mail.bob'].includes(placement)) throw new Error('the node has no such workspace');
    return [{ host: '127.0.0.1', port }];
  };
}

async function declare(client: Client): Promise<void> {
  const api = { apiVersion: 'nexus.dev/v1alpha1' } as const;
  await client.create(NODE, {
    ...api,
    kind: 'Node',
    metadata: { name: 'n1' },
    spec: { agentKeys: [`${KEYS.node.publicKey} agent of n1`] },
  });
  for (const [user, workspace] of [
    ['alice', 'shop'],
    ['bob', 'mail'],
  ] as const) {
    await client.create(USER, {
      ...api,
      kind: 'User',
      metadata: { name: user },
      spec: { sshKeys: [{ name: 'laptop', key: KEYS[user].publicKey }] },
    });
    await client.raw('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: user } },
      headers: { 'content-type': 'application/json' },
    });
    await client.create(ROLE_BINDING, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'member', namespace: user },
      subjects: [{ kind: 'User', name: user }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ROLE_MEMBER },
    });
    await client.create(WORKSPACE, {
      ...api,
      kind: 'Workspace',
      metadata: { name: workspace, namespace: user },
      spec: {},
    });
    await client.patch(
      WORKSPACE,
      { name: workspace, namespace: user },
      'merge',
      { status: { phase: 'Running', nodeName: 'n1' } },
      { subresource: 'status' },
    );
  }
}
