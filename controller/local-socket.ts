import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from './kit/log.ts';

/** What `sockaddr_un` holds on Linux, its end included. */
const MAX_PATH_BYTES = 107;

export const fitsSocketPath = (path: string): boolean => Buffer.byteLength(path) <= MAX_PATH_BYTES;

/**
 * Serves the API on a Unix socket as well, for the programs of the same user: no TLS, which is most of what a short
 * command costs, and the same tokens. Undefined where the path is too long for one.
 */
export async function listenOnSocket(
  app: FastifyInstance,
  path: string,
  log: Logger,
): Promise<{ path: string; close(): Promise<void> } | undefined> {
  if (!fitsSocketPath(path)) {
    log.info({ path }, 'the path is too long for a socket; local programs use HTTPS');
    return undefined;
  }
  await app.ready();
  const server = createServer((request, response) => app.routing(request, response));
  // Longer than our clients', so that they close first.
  server.keepAliveTimeout = 75_000;
  // The lock on the database says that no other server is there: what lies here is left of one that was killed.
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    path,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
