/** A process of its own for `bench ssh`: a gateway, or the agent of its node. Says over IPC how it is reached. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { createUplink } from '../../agent/uplink/uplink.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import type { GatewayFile } from '../../controller/kit/gateway-file.ts';
import { silentLogger } from '../../controller/kit/log.ts';
import { gatewayLab, KEYS, locateSshd } from '../support/gateway-lab.ts';

export interface GatewayPart {
  /** What its node's agent needs. */
  agent: AgentPart;
  port: number;
  /** Of a user of the workspace `shop.alice`, whose sshd they log into with the same key. */
  userKey: { privateKey: string; publicKey: string };
}

export interface AgentPart {
  file: GatewayFile;
  privateKey: string;
  sshdPort: number;
}

const [role = '', argument = ''] = process.argv.slice(2);
const ends: (() => unknown)[] = [];
process.once('disconnect', async () => {
  for (const end of ends.reverse()) await end();
  process.exit(0);
});
if (role === 'gateway') await gateway();
if (role === 'agent') await agent(JSON.parse(argument));

async function gateway(): Promise<void> {
  const lab = await gatewayLab({ teardown: (end: () => unknown) => void ends.push(end) } as unknown as Test, {
    // What this machine's users do when they log in is not measured.
    sshdConfig: ['SetEnv HOME=/nonexistent'],
  });
  const socket = join(lab.dir, 'gateway.sock');
  await lab.gateway.listen({ path: socket });
  const file = {
    nodeName: 'n1',
    addresses: [`127.0.0.1:${lab.port}`],
    socket,
    hostKeys: [KEYS.gateway.publicKey],
  };
  const part: GatewayPart = {
    port: lab.port,
    userKey: KEYS.alice,
    agent: { file, privateKey: KEYS.node.privateKey, sshdPort: lab.sshd.port },
  };
  process.send?.(part);
}

async function agent({ file, privateKey, sshdPort }: AgentPart): Promise<void> {
  const stop = new AbortController();
  const uplink = createUplink({
    gateway: () => file,
    privateKey,
    locate: locateSshd(sshdPort),
    clock: systemClock,
    log: silentLogger,
    random: Math.random,
  });
  const ended = uplink.run(stop.signal);
  ends.push(() => {
    stop.abort();
    return ended;
  });
  // Rejects when there is none soon.
  (await uplink.connect()).destroy();
  process.send?.({});
}
