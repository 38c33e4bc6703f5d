import { chmodSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { CONFIG_MAP } from '../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../crds/names.ts';
import type { ConfigMap } from '../crds/object.ts';
import type { Client } from './client/client.ts';
import type { Transport } from './client/transport.ts';
import { createGateway } from './gateway/gateway.ts';
import { findNode, grantKey } from './gateway/grant-key.ts';
import { loadHostKeys } from './gateway/host-keys.ts';
import { type Published, publishGateway, unpublishGateway } from './gateway/publish.ts';
import { createHostKeyRotation } from './gateway/rotate-host-key.ts';
import type { Clock } from './kit/clock.ts';
import { gatewayFilePath, writeGatewayFile } from './kit/gateway-file.ts';
import { jsonEqual } from './kit/json.ts';
import type { Logger } from './kit/log.ts';
import { machineLabels } from './kit/machine-labels.ts';
import type { Metrics } from './kit/metrics.ts';
import type { OptionValues } from './kit/options.ts';
import { loadSshKey } from './kit/ssh-key-file.ts';
import { StartError } from './kit/start-error.ts';
import { parseListen } from './listen-address.ts';
import { fitsSocketPath } from './local-socket.ts';
import type { SERVER_OPTIONS } from './options.ts';
import { createController, watch } from './runtime/controller.ts';
import { createInformer } from './runtime/informer.ts';
import type { Part } from './runtime/manager.ts';

export interface GatewayDeps {
  /** `$NEXUS_HOME`. */
  home: string;
  client: Client;
  /** The same, for what agents ask. */
  transport: Transport;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

export interface RunningGateway {
  /** The caller's to run. */
  readonly informers: Part[];
  /** The same, later: they write. */
  readonly controllers: Part[];
  /** Once the informers are ready: lets people and agents in, and tells where. */
  open(): Promise<void>;
  close(): Promise<void>;
}

const GATEWAY_PORT = 3022;
const OFF = 'off';

/** Public key of the agent beside this server, which is made when it is not there yet. */
export async function localAgentKey(home: string): Promise<string> {
  return (await loadSshKey(join(home, 'agent', 'id_ed25519'), 'nexus-agent')).publicKey;
}

/** The gateway as the server's options say. Rejects when its key cannot be read. */
export async function startGateway(
  options: OptionValues<typeof SERVER_OPTIONS>,
  { home, client, transport, clock, log, metrics }: GatewayDeps,
): Promise<RunningGateway> {
  if (options.gatewayListen === OFF)
    return {
      informers: [],
      controllers: [],
      async open() {
        await unpublishGateway(client);
        if (options.localNode) await rm(gatewayFilePath(join(home, 'agent')), { force: true });
      },
      close: async () => {},
    };
  const dir = join(home, 'server', 'gateway');
  let keys = await loadHostKeys(dir);
  const socket = join(dir, 'gateway.sock');
  let published: Published = { address: '', hostKeys: keys.published };
  const gateway = createGateway({
    client,
    transport,
    hostKey: keys.own,
    published: () => published,
    clock,
    log,
    metrics,
    limits: limitsOf(options),
  });

  /** The agent beside this server needs no join. */
  const letLocalAgentIn = async (nodeName: string, addresses: string[]) => {
    const folder = join(home, 'agent');
    const publicKey = await localAgentKey(home);
    const seen = await findNode(client, nodeName);
    await grantKey(client, { nodeName, publicKey, labels: machineLabels() }, seen);
    await writeGatewayFile(folder, {
      nodeName,
      addresses,
      ...(fitsSocketPath(socket) && { socket }),
      hostKeys: keys.published,
    });
  };

  const common = { client, clock, log: log.child({ part: 'gateway' }), random: Math.random, metrics };
  const own = createInformer<ConfigMap>({
    ...common,
    resource: CONFIG_MAP,
    namespace: SYSTEM_NAMESPACE,
    fieldSelector: `metadata.name=${GATEWAY_CONFIG_MAP}`,
  });
  let tell = async () => {};
  const rotation = createController({
    ...common,
    reconciler: createHostKeyRotation({
      ...common,
      dir,
      published: own,
      async use(now) {
        if (now.own.publicKey !== keys.own.publicKey) gateway.setHostKey(now.own);
        const isNew = !jsonEqual(now.published, keys.published);
        keys = now;
        if (isNew) await tell();
      },
    }),
    watches: [watch(own)],
    workers: 1,
  });

  return {
    informers: [...gateway.informers, { name: 'gateway published', run: own.run, ready: own.synced }],
    controllers: [rotation],
    async open() {
      const at = options.gatewayListen
        ? parseListen(options.gatewayListen, '--gateway-listen')
        : { host: parseListen(options.listen).host, port: GATEWAY_PORT };
      const { port } = await gateway.listen(at).catch(error => {
        throw new StartError(
          `the gateway cannot listen on ${at.host}:${at.port} (${error.message}); choose another with --gateway-listen, or ${OFF}`,
          { cause: error },
        );
      });
      if (fitsSocketPath(socket)) {
        // The lock on the database says that no other server is there: what lies here is left of one that was killed.
        rmSync(socket, { force: true });
        await gateway.listen({ path: socket });
        chmodSync(socket, 0o600);
      }
      const address = options.gatewayAddress ?? `${hostFor(at.host, options.advertise)}:${port}`;
      const loopback = `${bracketed(isEverywhere(at.host) ? '127.0.0.1' : at.host)}:${port}`;
      tell = async () => {
        published = { address, hostKeys: keys.published };
        await publishGateway(client, published);
        if (options.localNode) await letLocalAgentIn(options.localNode, [loopback]);
      };
      await tell();
      log.info({ address, port }, 'the gateway is open');
    },
    close: () => gateway.close(),
  };
}

function limitsOf(options: OptionValues<typeof SERVER_OPTIONS>) {
  return {
    maxConnections: options.gatewayMaxConnections,
    maxPerAddress: options.gatewayMaxPerAddress,
    maxPending: options.gatewayMaxPending,
    loginGraceMs: options.gatewayLoginGrace,
    maxFailures: options.gatewayMaxFailures,
    maxChannels: options.gatewayMaxChannels,
    maxStuck: options.gatewayMaxStuck,
  };
}

const isEverywhere = (host: string) => host === '0.0.0.0' || host === '::';
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** Where others reach a server that listens on `host`: what the certificate is for comes first. */
function hostFor(host: string, advertise: string[]): string {
  if (advertise[0]) return bracketed(advertise[0]);
  if (!isEverywhere(host)) return bracketed(host);
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}
