import type { Connection, ServerChannel, TcpipRequestInfo } from 'ssh2';
import { WORKSPACE } from '../../crds/kinds.ts';
import { placementName } from '../../crds/names.ts';
import type { Client } from '../client/client.ts';
import { discard } from '../kit/bound-channel.ts';
import type { Clock } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { SocketBacklog } from '../kit/socket-backlog.ts';
import { splice } from '../kit/splice.ts';
import { type AccessRequest, mayConnect } from './access.ts';
import type { Arrival } from './arrivals.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { Identities, Peer } from './identities.ts';
import { refuseSessions } from './refuse-sessions.ts';
import { OPEN_FAILURE, refuseChannel } from './ssh2-internals.ts';
import type { StuckBudget } from './stuck-budget.ts';
import type { Bound, Uplinks, WorkspaceStream } from './uplinks.ts';

export interface JumpHostDeps {
  client: Client;
  identities: Identities;
  uplinks: Uplinks;
  maxChannels: number;
  stuck: StuckBudget;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
}

/** A person's channel into a workspace. */
export interface UserChannel extends AccessRequest {
  close(why: string): void;
}

const SSH_PORT = 22;
const NAME = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.([a-z0-9]([-a-z0-9]*[a-z0-9])?))?$/;

/** Why a channel is not opened, with the words that ssh prints. */
class ChannelRefused extends Error {
  readonly reason: string;
  readonly code: number;
  constructor(reason: string, message: string, code: number = OPEN_FAILURE.prohibited) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}

/** Lets a person's connection open channels to the workspaces that they may use, and nothing else. */
export function serveUser(
  connection: Connection,
  who: { peer: Peer; arrival: Arrival; bound: Bound; channels: Set<UserChannel> },
  deps: JumpHostDeps,
): void {
  const { peer, arrival, bound, channels } = who;
  const { metrics } = deps;
  const user = peer.name;
  const log = deps.log.child({ user, from: arrival.address });
  const backlog = new SocketBacklog(arrival.socket);
  let count = 0;
  const refused = (what: string, reason: string, message: string) => {
    metrics.refused(reason);
    log.warn({ what, reason, why: message }, 'a channel was refused');
  };

  refuseSessions(connection, what => refused(what, 'NoShell', 'the gateway gives none'));
  connection.on('request', (_accept, reject, name) => {
    refused(name, 'NoForward', 'the gateway forwards nothing back');
    reject?.();
  });
  connection.on('openssh.streamlocal', (_accept, reject) => {
    const message = 'the gateway leads to workspaces alone';
    refused('streamlocal', 'NotAWorkspace', message);
    refuseChannel(connection, reject, { code: OPEN_FAILURE.prohibited, message });
  });
  connection.on('tcpip', async (accept, reject, info) => {
    const what = `${info.destIP}:${info.destPort}`;
    count++;
    try {
      if (count > deps.maxChannels)
        throw new ChannelRefused(
          'TooManyChannels',
          `no more than ${deps.maxChannels} channels a connection`,
          OPEN_FAILURE.shortage,
        );
      const target = targetOf(info, user, deps.identities);
      const inside = await dial(target, deps);
      if (arrival.socket.destroyed) return discard(inside.stream);
      carry(accept(), inside, target);
    } catch (error) {
      count--;
      const { reason, code, message } =
        error instanceof ChannelRefused
          ? error
          : { reason: 'Unreachable', code: OPEN_FAILURE.connectFailed, message: (error as Error).message };
      refused(what, reason, message);
      refuseChannel(connection, reject, { code, message });
    }
  });

  function carry(channel: ServerChannel, inside: WorkspaceStream, target: AccessRequest): void {
    const { stream } = inside;
    const begun = deps.clock.uptime();
    const bytes = { in: 0, out: 0 };
    let why = 'closed';
    let isOver = false;
    const entry: UserChannel = {
      ...target,
      close(reason) {
        why = reason;
        discard(channel);
        discard(stream);
        end();
      },
    };
    const end = () => {
      if (isOver) return;
      isOver = true;
      count--;
      channels.delete(entry);
      deps.stuck.flows(user, entry);
      connection.off('close', onLost);
      metrics.channelClosed('user');
      const seconds = Math.round((deps.clock.uptime() - begun) / 100) / 10;
      log.info(
        { ...name(target), seconds, bytesIn: bytes.in, bytesOut: bytes.out, why },
        'a channel was closed',
      );
    };
    const onLost = () => entry.close('the connection was lost');
    connection.once('close', onLost);
    channels.add(entry);
    metrics.channelOpened('user');
    log.info(name(target), 'a channel was opened');
    bound(channel);
    channel.on('error', () => discard(channel));
    channel.once('close', end);
    stream.once('close', () => {
      channel.end();
      end();
    });
    let waiting = 0;
    splice(channel, stream, {
      backlogs: { a: backlog, ...(inside.backlog && { b: inside.backlog }) },
      onBytes(direction, length) {
        const way = direction === 'toB' ? 'in' : 'out';
        bytes[way] += length;
        metrics.bytes(way, length);
      },
      onWait(isWaiting) {
        waiting += isWaiting ? 1 : -1;
        if (isOver) return;
        if (waiting > 0) deps.stuck.waits(user, entry);
        else deps.stuck.flows(user, entry);
      },
    });
  }
}

const name = ({ namespace, workspace }: AccessRequest) => ({ namespace, workspace });

/** The workspace that a host name stands for. Throws ChannelRefused. */
function targetOf(
  { destIP, destPort }: TcpipRequestInfo,
  user: string,
  identities: Identities,
): AccessRequest {
  const match = NAME.exec(destIP.toLowerCase());
  if (!match || destPort !== SSH_PORT)
    throw new ChannelRefused(
      'NotAWorkspace',
      `the gateway leads to port 22 of <workspace>.<namespace> alone, not to ${destIP.slice(0, 100)}:${destPort}`,
    );
  return { user, workspace: match[1] as string, namespace: match[4] ?? identities.namespaceOf(user) };
}

/** Whether they may comes first: who may not learns nothing of what is there. */
async function dial(target: AccessRequest, deps: JumpHostDeps): Promise<WorkspaceStream> {
  const { user, namespace, workspace } = target;
  const what = `workspace ${namespace}/${workspace}`;
  if (!(await mayConnect(deps.client, target)))
    throw new ChannelRefused('Forbidden', `${user} may not open SSH connections to ${what}; ask an admin`);
  const object = await deps.client.get(WORKSPACE, { namespace, name: workspace }).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new ChannelRefused('NoWorkspace', `there is no ${what}`, OPEN_FAILURE.connectFailed);
  });
  const { spec, status } = object;
  const notYet = (message: string) =>
    new ChannelRefused('NotRunning', `${what} ${message}`, OPEN_FAILURE.connectFailed);
  if (spec.running === false) throw notYet(`is stopped: nexus start ${workspace} -n ${namespace}`);
  if (!status?.nodeName)
    throw notYet(`has no node yet (${status?.phase ?? 'Pending'}): nexus describe ws ${workspace}`);
  try {
    return await deps.uplinks.open(status.nodeName, placementName(workspace, namespace));
  } catch (error) {
    throw new ChannelRefused(
      'Unreachable',
      `${what}: ${(error as Error).message}`,
      OPEN_FAILURE.connectFailed,
    );
  }
}
