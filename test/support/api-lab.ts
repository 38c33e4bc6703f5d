import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type ApiServer, createApiServer } from '../../controller/apiserver/api-server.ts';
import type { Client } from '../../controller/client/client.ts';
import { createClient } from '../../controller/client/create-client.ts';
import { httpsTransport } from '../../controller/client/https-transport.ts';
import { injectTransport } from '../../controller/client/inject-transport.ts';
import type { Transport } from '../../controller/client/transport.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { createMemoryStore } from '../../controller/store/memory.ts';
import type { Store } from '../../controller/store/store.ts';
import { makeCertificates } from './certificates.ts';

export interface ApiLab {
  store: Store;
  server: ApiServer;
  /** HTTPS on a port of the loopback. */
  url: string;
  ca: string;
  /** Bearer token of an admin. */
  token: string;
  /** The same server: over its port, over streams that somebody else made, and in process. */
  clients: Record<'https' | 'stream' | 'inject', Client>;
  /** One more, over its own connections. The caller's to close. */
  transport(): Transport;
  close(): Promise<void>;
}

/** The real API server with the project's own kinds, and clients for it. Over a fresh memory store, or one of the caller's. */
export async function startApiLab(kept?: Store): Promise<ApiLab> {
  const store = kept ?? createMemoryStore();
  const { server: tls, ca } = await makeCertificates();
  const server = await createApiServer({ store, crds: loadCrds(), policy: loadPolicy(), tls });
  const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  const plain = createServer((request, response) => server.app.routing(request, response));
  await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve));
  const { port } = plain.address() as AddressInfo;
  const connectPlain = async () => {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return socket;
  };
  const clients = {
    https: createClient({ transport: httpsTransport({ server: url, ca, token }) }),
    stream: createClient({
      transport: httpsTransport({ server: 'http://stream', connect: connectPlain, token }),
    }),
    inject: createClient({ transport: injectTransport(server.app, { authorization: `Bearer ${token}` }) }),
  };
  return {
    store,
    server,
    url,
    ca,
    token,
    clients,
    transport: () => httpsTransport({ server: url, ca, token }),
    async close() {
      await Promise.all(Object.values(clients).map(client => client.close()));
      await server.close();
      plain.closeAllConnections();
      await new Promise(resolve => plain.close(resolve));
      if (!kept) await store.close();
    },
  };
}
