import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client as SshClient } from 'ssh2';
import { boundChannel, discard } from '../../controller/kit/bound-channel.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { SocketBacklog } from '../../controller/kit/socket-backlog.ts';
import { splice } from '../../controller/kit/splice.ts';
import { STREAMS, type StreamAnswer, writeLine } from '../../controller/kit/uplink-protocol.ts';

/** A stream to the sshd of a placement of this node. Rejects with a reason for people when there is none. */
export type DialPlacement = (placement: string) => Promise<Duplex>;

/**
 * Takes the streams that the gateway opens over the uplink, each to the sshd of the placement that it names and to
 * nothing else: the gateway has no say in hosts and ports. Resolves when the gateway knows that it may.
 */
export function serveStreams(
  client: SshClient,
  socket: Socket,
  options: { dial: DialPlacement; log: Logger },
): Promise<void> {
  const { dial, log } = options;
  const backlog = new SocketBacklog(socket);
  const live = new Set<Duplex>();
  client.once('close', () => {
    for (const stream of live) stream.destroy();
  });
  client.on('tcp connection', async ({ srcIP: placement }, accept) => {
    const channel = accept();
    boundChannel(channel, () => socket.destroy());
    channel.on('error', () => discard(channel));
    const answer = (line: StreamAnswer) => writeLine(channel, line);
    try {
      const stream = await dial(placement);
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
