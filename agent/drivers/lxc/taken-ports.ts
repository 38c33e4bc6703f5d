import { once } from 'node:events';
import { createServer } from 'node:net';
import type { InstanceSpec } from '../../driver.ts';

/** Those of the ports on which something else listens, as far as that can be seen from here. */
export async function takenPorts(publish: InstanceSpec['publish']): Promise<number[]> {
  const looks = publish.map(async ({ hostAddress, hostPort }) => {
    const server = createServer();
    try {
      server.listen({ host: hostAddress, port: hostPort, exclusive: true });
      await once(server, 'listening');
      return [];
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? [hostPort] : [];
    } finally {
      await new Promise(resolve => server.close(resolve));
    }
  });
  return (await Promise.all(looks)).flat();
}
