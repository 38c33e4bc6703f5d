import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

/** Held for a direction at most, so that a stream's back-pressure is felt through it. */
const MAX_HELD = 64;

/** A port that is another one's, later by what `delayMs` says of the address that connects. */
export async function slowWire(
  t: Test,
  ports: { listen: number; target: number },
  delayMs: (address: string) => number,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer(here => {
    const there = connect({ host: '127.0.0.1', port: ports.target });
    const address = here.remoteAddress ?? '';
    pass(here, there, () => delayMs(address));
    pass(there, here, () => delayMs(address));
    for (const socket of [here, there]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    }
  });
  server.listen({ host: '0.0.0.0', port: ports.listen });
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => server.close(resolve));
  });
}

interface Held {
  at: number;
  /** Undefined: the end. */
  chunk: Buffer | undefined;
}

/** Bytes and the end of `from`, in their order. */
function pass(from: Socket, to: Socket, delayMs: () => number): void {
  const queue: Held[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    while (queue[0] && queue[0].at <= performance.now()) {
      const { chunk } = queue.shift() as Held;
      if (!chunk) to.end();
      else if (!to.write(chunk)) {
        to.once('drain', flush);
        return;
      }
    }
    if (queue.length < MAX_HELD) from.resume();
    arm();
  };
  const arm = () => {
    if (queue[0] && !timer) timer = setTimeout(flush, Math.max(0, queue[0].at - performance.now()));
  };
  const hold = (chunk: Buffer | undefined) => {
    queue.push({ at: performance.now() + delayMs(), chunk });
    if (queue.length >= MAX_HELD) from.pause();
    arm();
  };
  from.on('data', hold);
  from.once('end', () => hold(undefined));
  from.once('close', () => {
    if (from.destroyed && !from.readableEnded) to.destroy();
  });
}
