import { Writable } from 'node:stream';
import type WebSocket from 'ws';

/** Bytes come in binary messages; a text message is the end of a stream in either direction. */

/**
 * Passes what comes from a socket on; when the reader is slow, so is this. Ends the target with the stream. Resolves when
 * there is nothing more.
 */
export function outputTo(socket: WebSocket, target: Writable): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      if (!target.writableEnded) target.end();
      resolve();
    };
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return end();
      if (target.destroyed || target.writableEnded || target.write(data)) return;
      socket.pause();
      const onDone = () => {
        target.off('drain', onDone).off('close', onDone);
        socket.resume();
      };
      target.on('drain', onDone).on('close', onDone);
    });
    socket.on('close', end);
    target.on('error', () => {});
  });
}

/** Each chunk is taken when the system has it. A process that ended before it read all is no error. */
export function stdinOf(socket: WebSocket): Writable {
  const send = (data: Buffer | string, done: () => void) => {
    const sending = () =>
      socket.readyState === socket.OPEN
        ? socket.send(data, { binary: typeof data !== 'string' }, () => done())
        : done();
    if (socket.readyState === socket.CONNECTING) socket.once('open', sending).once('error', () => done());
    else sending();
  };
  return new Writable({
    write: (chunk, _encoding, done) => send(chunk, done),
    final: done => send('', done),
  });
}
