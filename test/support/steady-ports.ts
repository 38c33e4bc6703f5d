import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what systems give out for outgoing connections, so that nobody takes them by chance meanwhile. */
const RANGE = { from: 12_000, to: 32_000 };

/** Ports of loopback that are free and likely to stay so until they are used, all different. */
export async function steadyPorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(RANGE.from, RANGE.to);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      found.add(port);
    } catch {
      // Taken: another one.
    } finally {
      await new Promise(resolve => server.close(resolve));
    }
  }
  return [...found];
}
