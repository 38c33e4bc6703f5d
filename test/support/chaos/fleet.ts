import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Client } from '../../../controller/client/client.ts';
import { connect } from '../../../controller/client/connect.ts';
import { CONFIG_MAP, NODE, ROLE_BINDING, USER } from '../../../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, ROLE_MEMBER, SYSTEM_NAMESPACE } from '../../../crds/names.ts';
import { USER_KEY } from '../agent-data.ts';
import { untilObjects } from '../until-object.ts';
import type { ChaosNode } from './chaos-node.ts';
import { ControllerProcess, INNER_GATEWAY_PORT } from './controller-process.ts';
import { DockerChaosNode } from './docker-chaos-node.ts';
import { History } from './history.ts';
import { LxdChaosNode } from './lxd-chaos-node.ts';
import { GATEWAY_PORT, ownNamespaces } from './machine.ts';
import { MemoryChaosNode } from './memory-chaos-node.ts';
import { Sessions } from './sessions.ts';
import { slowWire } from './slow-wire.ts';

export interface ChaosFleet {
  nodes: ChaosNode[];
  controller: ControllerProcess;
  client: Client;
  history: History;
  sessions: Sessions;
  /** Of a wire, by the node's address. */
  delays: Map<string, number>;
}

/**
 * Five machines and a controller in the network of this process, which must be its own (see runInOwnNetwork): Docker on
 * two, LXD on one, two in memory. All have joined and are Ready; all go with the test.
 */
export async function chaosFleet(t: Test): Promise<ChaosFleet> {
  await ownNamespaces();
  const history = new History();
  const delays = new Map<string, number>();
  const nodes = [DockerChaosNode, DockerChaosNode, LxdChaosNode, MemoryChaosNode, MemoryChaosNode].map(
    (Kind, i) => new Kind(t, { name: `n${i + 1}`, number: i + 1, history }),
  );
  const controller = new ControllerProcess(t);
  await slowWire(
    t,
    { listen: GATEWAY_PORT, target: INNER_GATEWAY_PORT },
    address => delays.get(address) ?? 0,
  );
  await Promise.all([
    controller.start(),
    ...nodes.map(async node => {
      await node.format();
      await node.powerOn();
      await node.image();
    }),
  ]);
  const logs = process.env.NEXUS_TEST_LOGS;
  if (logs)
    t.teardown(() => writeLogs(logs, [...nodes, { name: 'controller', log: () => controller.log() }]));
  const { client } = await connect({ file: controller.kubeconfig });
  t.teardown(() => client.close());
  await makeAlice(client);
  for (const node of nodes) {
    const { stdout } = await controller.cli(['node', 'token', 'create', '--node', node.name]);
    const words = stdout.trim().split(' ').slice(1);
    await node.join(words, async (args, env) => void (await controller.cli(args, { env })));
    await node.startAgent();
  }
  await untilObjects(
    client,
    NODE,
    {},
    {
      look: found =>
        found.filter(({ status }) => status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'))
          .length === nodes.length,
      timeoutMs: 40_000,
      what: found => `all nodes to be ready: ${JSON.stringify(found.map(one => one.status?.conditions))}`,
    },
  );
  const { data } = await client.get(CONFIG_MAP, { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE });
  const dir = join(controller.home, 'sessions');
  mkdirSync(dir);
  const gatewayKeys = (data?.hostKeys ?? '').split('\n').filter(line => line !== '');
  const sessions = new Sessions({ client, dir, gatewayKeys });
  t.teardown(() => sessions.end());
  return { nodes, controller, client, history, sessions, delays };
}

/** For people: to see what was done and why. */
function writeLogs(dir: string, all: { name: string; log(): string }[]): void {
  mkdirSync(dir, { recursive: true });
  for (const one of all) writeFileSync(join(dir, one.name), one.log(), { mode: 0o600 });
}

/** A person with the key of tests, who may use what is in `default`. */
async function makeAlice(client: Client): Promise<void> {
  await client.create(USER, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: 'alice' },
    spec: { sshKeys: [{ name: 'laptop', key: USER_KEY.publicKey }] },
  });
  await client.create(ROLE_BINDING, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'alice', namespace: 'default' },
    subjects: [{ kind: 'User', name: 'alice' }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ROLE_MEMBER },
  });
}
