import type { Readable } from 'node:stream';

/**
 * Reads and drops what is left of a body, so that its sender comes to read the refusal instead of finding a broken
 * connection. Gives up after `limitBytes`; how long a request may take is the server's to limit.
 */
export function discardBody(body: Readable, limitBytes: number): Promise<void> {
  if (body.readableEnded || body.destroyed) return Promise.resolve();
  return new Promise(resolve => {
    let bytes = 0;
    const done = () => {
      body.off('data', count);
      resolve();
    };
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) done();
    };
    body.on('data', count).once('end', done).once('close', done).once('error', done).resume();
  });
}
