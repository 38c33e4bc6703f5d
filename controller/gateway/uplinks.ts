import type { Duplex } from 'node:stream';
import type { Connection, ServerChannel } from 'ssh2';
import { discard } from '../kit/bound-channel.ts';
import { ChannelSocket } from '../kit/channel-socket.ts';
import type { Clock } from '../kit/clock.ts';
import { dialFirst } from '../kit/dial-address.ts';
import { networkNamespace } from '../kit/network-namespace.ts';
import { SocketBacklog } from '../kit/socket-backlog.ts';
import { API, readLine, SILENCE_MS, STREAMS, type StreamAnswer, WISH } from '../kit/uplink-protocol.ts';
import type { Arrival } from './arrivals.ts';
import { OPEN_FAILURE, refuseChannel } from './ssh2-internals.ts';

/** A stream to a workspace's sshd, and what queues in front of it where many share a connection. */
export interface WorkspaceStream {
  stream: Duplex;
  backlog?: SocketBacklog;
}

/** Sees to it that a channel of a connection holds no more than it may. */
export type Bound = (channel: ServerChannel) => void;

export interface UplinkConnection {
  connection: Connection;
  arrival: Arrival;
  bound: Bound;
}

interface Link extends UplinkConnection {
  node: string;
  backlog: SocketBacklog;
  /** It takes streams. */
  isOpen: boolean;
  bytesRead: number;
  /** When it was heard last. */
  heardAt: number;
}

/** An agent holds a few watches and a small pool. */
const MAX_API_STREAMS = 64;
const ANSWER_TIMEOUT_MS = 10_000;
const LOOK_MS = 1_000;

/** The nodes whose agents are connected, and the way to their workspaces. */
export class Uplinks {
  /** By node, the newest last: one whose end was not noticed yet may still be there. */
  readonly #links = new Map<string, Link[]>();
  readonly #clock: Clock;
  readonly #serveApi: (node: string, stream: Duplex) => void;
  #cancel = () => {};

  /** `serveApi` takes each stream of an agent's to the API. */
  constructor(clock: Clock, serveApi: (node: string, stream: Duplex) => void) {
    this.#clock = clock;
    this.#serveApi = serveApi;
    this.#look();
  }

  has(node: string): boolean {
    return this.#newest(node) !== undefined;
  }

  /** Takes an agent's connection. It may ask to be sent streams, once. */
  add(node: string, { connection, arrival, bound }: UplinkConnection): void {
    const { socket } = arrival;
    const backlog = new SocketBacklog(socket);
    const link: Link = {
      node,
      connection,
      arrival,
      bound,
      backlog,
      isOpen: false,
      bytesRead: socket.bytesRead,
      heardAt: this.#clock.uptime(),
    };
    connection.on('request', (accept, reject, name, info) => {
      const isOurs =
        name === 'tcpip-forward' && 'bindAddr' in info && info.bindAddr === STREAMS.host && !link.isOpen;
      if (!isOurs || info.bindPort !== STREAMS.port) return reject?.();
      link.isOpen = true;
      this.#links.set(node, [...(this.#links.get(node) ?? []), link]);
      accept?.();
    });
    this.#takeApi(link);
    connection.once('close', () => this.#remove(link));
  }

  #takeApi({ node, connection, backlog, bound }: Link): void {
    const streams = new Set<Duplex>();
    connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
      if (destIP !== API.host || destPort !== API.port || streams.size >= MAX_API_STREAMS)
        return refuseChannel(connection, reject, {
          code: OPEN_FAILURE.prohibited,
          message: `an agent may open ${MAX_API_STREAMS} channels, to ${API.host}:${API.port}`,
        });
      const channel = accept();
      bound(channel);
      const stream = new ChannelSocket(channel, { clock: this.#clock, backlog });
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      this.#serveApi(node, stream);
    });
    connection.once('close', () => {
      for (const stream of streams) stream.destroy(new Error('the connection was lost'));
    });
  }

  /** A stream to the sshd of a placement. Rejects with a reason for people. */
  async open(node: string, placement: string): Promise<WorkspaceStream> {
    const link = this.#newest(node);
    if (!link) throw new Error(`its node ${node} is not connected to the gateway`);
    const asked = await this.#ask(link, placement, link.arrival.isLocal ? WISH.address : WISH.stream);
    if (!('at' in asked)) return asked;
    // Straight there saves each byte two ways through SSH, and the stream outlives the agent.
    const straight =
      asked.network === networkNamespace() && (await dialFirst(asked.at, this.#clock).catch(() => {}));
    if (straight) return { stream: straight };
    const carried = await this.#ask(link, placement, WISH.stream);
    if ('at' in carried) throw new Error(`its node ${node} gave no stream`);
    return carried;
  }

  async #ask(link: Link, placement: string, wish: number) {
    const channel = await this.#channel(link, placement, wish);
    // Closed under a reader, it must not take the process down.
    channel.on('error', () => discard(channel));
    link.bound(channel);
    const cancel = this.#clock.after(ANSWER_TIMEOUT_MS, () => discard(channel));
    let answer: StreamAnswer;
    try {
      answer = await readLine<StreamAnswer>(channel);
    } catch (cause) {
      discard(channel);
      throw new Error(`its node ${link.node} did not answer`, { cause });
    } finally {
      cancel();
    }
    if ('ok' in answer) return { stream: channel, backlog: link.backlog };
    discard(channel);
    if ('at' in answer) return answer;
    throw new Error(`its node ${link.node} cannot reach it: ${answer.error}`);
  }

  /** Looks after nobody any more. */
  close(): void {
    this.#cancel();
  }

  #channel(link: Link, placement: string, wish: number): Promise<ServerChannel> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`the connection of its node ${link.node} was lost`));
      link.connection.once('close', gone);
      link.connection.forwardOut(STREAMS.host, STREAMS.port, placement, wish, (error, channel) => {
        link.connection.off('close', gone);
        if (error) reject(new Error(`its node ${link.node} took no stream`, { cause: error }));
        else resolve(channel);
      });
    });
  }

  #newest(node: string): Link | undefined {
    return this.#links.get(node)?.at(-1);
  }

  #remove(link: Link): void {
    const left = (this.#links.get(link.node) ?? []).filter(one => one !== link);
    if (left.length > 0) this.#links.set(link.node, left);
    else this.#links.delete(link.node);
  }

  /** Agents send something every few seconds: a connection that is silent for longer has nobody at its other end. */
  #look(): void {
    const now = this.#clock.uptime();
    for (const link of [...this.#links.values()].flat()) {
      const { bytesRead } = link.arrival.socket;
      if (bytesRead !== link.bytesRead) {
        link.bytesRead = bytesRead;
        link.heardAt = now;
      } else if (now - link.heardAt > SILENCE_MS) {
        link.arrival.socket.destroy();
      }
    }
    this.#cancel = this.#clock.after(LOOK_MS, () => this.#look());
  }
}
