import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client as SshClient } from 'ssh2';
import { boundChannel, discard } from '../../controller/kit/bound-channel.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { type Address, dialFirst } from '../../controller/kit/dial-address.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { networkNamespace } from '../../controller/kit/network-namespace.ts';
import { SocketBacklog } from '../../controller/kit/socket-backlog.ts';
import { splice } from '../../controller/kit/splice.ts';
import { STREAMS, type StreamAnswer, WISH, writeLine } from '../../controller/kit/uplink-protocol.ts';

/** Where the sshd of a placement of this node is, in order. Throws with a reason for people when there is none. */
export type LocatePlacement = (placement: string) => readonly Address[];

/**
 * Takes the streams that the gateway opens over the uplink, each to the sshd of the placement that it names and to
 * nothing else: the gateway has no say in hosts and ports. One on this machine (`isLocal`) may ask where that is instead,
 * and go there by itself. Resolves when the gateway knows that it may.
 */
export function serveStreams(
  client: SshClient,
  socket: Socket,
  options: { locate: LocatePlacement; isLocal: boolean; clock: Clock; log: Logger },
): Promise<void> {
  const { locate, isLocal, clock, log } = options;
  const backlog = new SocketBacklog(socket);
  const live = new Set<Duplex>();
  client.once('close', () => {
    for (const stream of live) stream.destroy();
  });
  client.on('tcp connection', async ({ srcIP: placement, srcPort: wish }, accept) => {
    const channel = accept();
    boundChannel(channel, () => socket.destroy());
    channel.on('error', () => discard(channel));
    const answer = (line: StreamAnswer) => writeLine(channel, line);
    try {
      const addresses = locate(placement);
      if (isLocal && wish === WISH.address) {
        answer({ at: addresses, network: networkNamespace() });
        return void channel.end();
      }
      const stream = await dialFirst(addresses, clock);
      live.add(stream);
      stream.once('close', () => live.delete(stream));
      if (socket.destroyed) return void stream.destroy();
      answer({ ok: true });
      splice(channel, stream, { backlogs: { a: backlog } });
    } catch (error) {
      const { message } = error as Error;
      log.info({ placement, why: message }, 'a stream of the gateway was refused');
      answer({ error: message });
      channel.end();
    }
  });
  return new Promise((resolve, reject) => {
    client.forwardIn(STREAMS.host, STREAMS.port, error => (error ? reject(error) : resolve()));
  });
}
