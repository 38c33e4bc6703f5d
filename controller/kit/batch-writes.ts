import type { Socket } from 'node:net';

/** Sends what is written in one turn of the event loop with one call of the system: ssh2 writes a packet in three parts. */
export function batchWrites(socket: Socket): void {
  const write = socket.write as (...args: unknown[]) => boolean;
  let isCorked = false;
  const uncork = () => {
    isCorked = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    return write.apply(socket, args);
  };
}
