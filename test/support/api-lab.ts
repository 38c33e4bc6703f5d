import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type ApiServer, createApiServer } from '../../controller/apiserver/api-server.ts';
import type { CustomResourceDefinition } from '../../controller/apiserver/registry/crd.ts';
import type { Client } from '../../controller/client/client.ts';
import { createClient } from '../../controller/client/create-client.ts';
import { httpsTransport } from '../../controller/client/https-transport.ts';
import { injectTransport } from '../../controller/client/inject-transport.ts';
import type { Transport } from '../../controller/client/transport.ts';
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
  /** The same server, over its socket and in process. */
  clients: Record<'https' | 'inject', Client>;
  /** One more, over its own connections. The caller's to close. */
  transport(): Transport;
  close(): Promise<void>;
}

/** The real API server with the project's own kinds, and clients for it. Over a fresh memory store, or one of the caller's. */
export async function startApiLab(kept?: Store): Promise<ApiLab> {
  const folder = new URL('../../crds/', import.meta.url);
  const crds = readdirSync(folder)
    .filter(name => name.endsWith('.yaml'))
    .map(
      name => parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true }) as CustomResourceDefinition,
    );
  const store = kept ?? createMemoryStore();
  const { server: tls, ca } = await makeCertificates();
  const server = await createApiServer({ store, crds, tls });
  const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  const clients = {
    https: createClient({ transport: httpsTransport({ server: url, ca, token }) }),
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
      if (!kept) await store.close();
    },
  };
}
