import { Writable } from 'node:stream';
import type WebSocket from 'ws';
import type { Clock, Milliseconds } from '../../../../controller/kit/clock.ts';
import { Silence } from '../../silence.ts';

/** Bytes come in binary messages; a text message is the end of a stream in either direction. */

export interface Output {
  /** Resolves when there is nothing more. */
  ended: Promise<void>;
  /** From now on silence is its end as well; the time for which a slow reader holds it up is none. */
  endWithSilence(clock: Clock, ms: Milliseconds): void;
}

/** Passes what comes from a socket on; when the reader is slow, so is this. Ends the target with the stream. */
export function outputTo(socket: WebSocket, target: Writable): Output {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let silence: Silence | undefined;
  let isOver = false;
  const end = () => {
    isOver = true;
    silence?.stop();
    if (!target.writableEnded) target.end();
    resolve();
  };
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    silence?.heard();
    if (!isBinary) return end();
    if (target.destroyed || target.writableEnded || target.write(data)) return;
    socket.pause();
    silence?.pause();
    const onDone = () => {
      target.off('drain', onDone).off('close', onDone);
      socket.resume();
      silence?.resume();
    };
    target.on('drain', onDone).on('close', onDone);
  });
  socket.on('close', end);
  target.on('error', () => {});
  return {
    ended,
    endWithSilence(clock, ms) {
      if (isOver) return;
      silence = new Silence(clock, ms, () => {
        socket.terminate();
        end();
      });
      if (socket.isPaused) silence.pause();
    },
  };
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
