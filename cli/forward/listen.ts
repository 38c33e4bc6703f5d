import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { CliError } from '../errors.ts';

export interface Listening {
  /** The port that was given. */
  port: number;
  /** Those at which it listens. */
  addresses: string[];
  close(): void;
}

/** How often any free port is looked for that is free at every address. */
const TRIES = 10;

/**
 * Listens on one port at each of `addresses`; 0: any that is free at all of them. `onSocket` is given what connects. At
 * `localhost` one of its two kinds may be missing. Throws CliError that says what is taken.
 */
export async function listen(
  addresses: string[],
  port: number,
  onSocket: (socket: Socket) => void,
): Promise<Listening> {
  for (let tries = 1; ; tries++) {
    const servers: Server[] = [];
    const held: string[] = [];
    const close = () => {
      for (const server of servers) server.close();
    };
    let given = port;
    try {
      for (const address of addresses) {
        const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
        server.listen({ host: address, port: given, exclusive: true, ipv6Only: true });
        await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'EADDRNOTAVAIL' && address === '::1' && servers.length > 0) return;
          throw told(error, address, given);
        });
        if (!server.listening) continue;
        servers.push(server);
        held.push(address);
        given = (server.address() as { port: number }).port;
      }
      return { port: given, addresses: held, close };
    } catch (error) {
      close();
      if (port !== 0 || tries === TRIES) throw error;
    }
  }
}

function told(error: NodeJS.ErrnoException, address: string, port: number): Error {
  const where = `port ${port} of ${address}`;
  const next = 'choose another: LOCAL:PORT, or :PORT for any that is free';
  if (error.code === 'EADDRINUSE')
    return new CliError(`${where} is taken by another program`, { next, cause: error });
  if (error.code === 'EACCES') return new CliError(`${where} is for root alone`, { next, cause: error });
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new CliError(`${address} is no address of this machine`, {
      next: '--address 127.0.0.1',
      cause: error,
    });
  return error;
}
