import type { Connection, ServerChannel } from 'ssh2';
import { LABEL_ARCH, LABEL_HOSTNAME, LABEL_OS } from '../../crds/names.ts';
import type { Client } from '../client/client.ts';
import { withTimeout } from '../kit/abort.ts';
import { type Clock, timestamp } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { parseSshPublicKey } from '../kit/ssh-public-key.ts';
import {
  JOIN_COMMAND,
  type JoinAnswer,
  type JoinRequest,
  readLine,
  writeLine,
} from '../kit/uplink-protocol.ts';
import { findNode, grantKey } from './grant-key.ts';
import type { Identities, Peer } from './identities.ts';
import { useUp } from './join-tokens.ts';
import type { Joiner } from './login.ts';
import type { Published } from './publish.ts';

export interface JoinDeps {
  client: Client;
  identities: Identities;
  /** Where agents will find the gateway, and who it is. */
  published: () => Published;
  clock: Clock;
  log: Logger;
}

const REQUEST_TIMEOUT_MS = 10_000;
const NODE_NAME = /^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$/;
const LABELS = [LABEL_HOSTNAME, LABEL_ARCH, LABEL_OS];
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Why a machine is not made a node, for the person who typed the command there. */
class JoinRefused extends Error {
  readonly next: string | undefined;
  constructor(message: string, next?: string) {
    super(message);
    this.next = next;
  }
}

const NEW_TOKEN = 'make a new one: nexus node token create';

/** Lets a machine that showed a token, or a key that is known already, become its node; nothing else on that connection. */
export function serveJoin(connection: Connection, who: Peer | Joiner, deps: JoinDeps): void {
  connection.on('session', accept => {
    const session = accept();
    session.on('exec', (acceptExec, reject, { command }) => {
      if (command !== JOIN_COMMAND) return reject();
      void answer(acceptExec());
    });
  });

  async function answer(channel: ServerChannel): Promise<void> {
    channel.on('error', () => channel.destroy());
    const { clock, log } = deps;
    let reply: JoinAnswer;
    try {
      const late = () => new JoinRefused('no request came');
      const request = await withTimeout(readRequest(channel), REQUEST_TIMEOUT_MS, clock, late);
      reply = await join(request, who, deps);
      if (who.kind === 'join') log.info({ node: reply.nodeName, tokenId: who.token.id }, 'a node has joined');
    } catch (error) {
      const refused = error instanceof JoinRefused;
      const { message } = error as Error;
      log.warn({ why: message }, 'a join was refused');
      reply = refused
        ? { error: message, ...(error.next && { next: error.next }) }
        : { error: 'the server could not do it', next: 'look into its log, then try again with a new token' };
    }
    writeLine(channel, reply);
    channel.exit('error' in reply ? 1 : 0);
    channel.end();
  }
}

async function join(
  request: JoinRequest,
  who: Peer | Joiner,
  deps: JoinDeps,
): Promise<Exclude<JoinAnswer, { error: string }>> {
  const { client, identities, published } = deps;
  const { address, hostKeys } = published();
  const key = parseSshPublicKey(request.publicKey);
  if ('problem' in key || key.type !== 'ssh-ed25519') throw new JoinRefused('the key of the agent is none');
  const blob = key.key.split(' ')[1] ?? '';
  const nodeName = nameFor(request, who);
  const found = { nodeName, addresses: [address], hostKeys };
  if (who.kind !== 'join') {
    if (who.key !== blob) throw new JoinRefused('that is not the key that logged in');
    return found;
  }
  const { token } = who;
  if (token.expires <= deps.clock.now())
    throw new JoinRefused(`the token expired at ${timestamp(token.expires)}`, NEW_TOKEN);
  const owners = identities.find(blob);
  if (owners.some(({ kind, name }) => kind === 'node' && name === nodeName)) return found;
  if (owners[0])
    throw new JoinRefused(
      `this machine's key belongs to ${owners[0].kind} ${owners[0].name} already`,
      'move $NEXUS_HOME/agent/id_ed25519 away to get a new one, or use the name of that node',
    );
  const node = await findNode(client, nodeName);
  const isTaken = (node?.spec?.agentKeys?.length ?? 0) > 0;
  if (isTaken && token.nodeName !== nodeName)
    throw new JoinRefused(
      `there is a node ${nodeName} already, with another key`,
      `choose another --node-name, or hand that node over: nexus node token create --node ${nodeName}`,
    );
  // Before anything is granted: of two that show one token, one gets it.
  if (!(await useUp(client, token))) throw new JoinRefused('the token was used already', NEW_TOKEN);
  try {
    await grantKey(client, { nodeName, publicKey: key.key, labels: labelsOf(request) }, node);
  } catch (error) {
    if (!isApiError(error, 'Conflict', 'AlreadyExists', 'NotFound')) throw error;
    throw new JoinRefused(`node ${nodeName} was changed by somebody at the same time`, NEW_TOKEN);
  }
  return found;
}

function nameFor(request: JoinRequest, who: Peer | Joiner): string {
  const fixed = who.kind === 'join' ? who.token.nodeName : who.name;
  if (fixed && request.isNamed && request.nodeName !== fixed)
    throw new JoinRefused(
      who.kind === 'join'
        ? `the token is for node ${fixed}, not ${request.nodeName}`
        : `this machine is node ${fixed} already, not ${request.nodeName}`,
      `leave --node-name out, or give ${fixed}`,
    );
  const name = fixed ?? request.nodeName;
  if (NODE_NAME.test(name)) return name;
  throw new JoinRefused(
    `${JSON.stringify(name)} cannot name a node`,
    '--node-name takes lower-case letters, digits and dashes, 50 at most',
  );
}

/** Those alone that a machine may say of itself. */
function labelsOf({ labels }: JoinRequest): Record<string, string> {
  const entries = LABELS.map(name => [name, labels[name]] as const);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => LABEL_VALUE.test(entry[1] ?? '')),
  );
}

async function readRequest(channel: ServerChannel): Promise<JoinRequest> {
  try {
    const { nodeName, isNamed, publicKey, labels } = await readLine<JoinRequest>(channel);
    return {
      nodeName: String(nodeName),
      isNamed: isNamed === true,
      publicKey: String(publicKey),
      labels: Object.fromEntries(Object.entries(labels ?? {}).map(([name, value]) => [name, String(value)])),
    };
  } catch {
    throw new JoinRefused('the request cannot be read');
  }
}
