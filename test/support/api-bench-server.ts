/** The API server over the durable store, as a process of its own: `node api-bench-server.ts FOLDER`. Prints how to reach it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createApiServer } from '../../controller/apiserver/api-server.ts';
import type { CustomResourceDefinition } from '../../controller/apiserver/registry/crd.ts';
import { openTls } from '../../controller/apiserver/tls.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import { openSqliteStore } from '../../controller/store/sqlite.ts';

const folder = process.argv[2] ?? '.';
const definitions = new URL('../../crds/', import.meta.url);
const crds = readdirSync(definitions)
  .filter(name => name.endsWith('.yaml'))
  .map(
    name =>
      parse(readFileSync(new URL(name, definitions), 'utf8'), { merge: true }) as CustomResourceDefinition,
  );
const store = await openSqliteStore({ file: join(folder, 'nexus.db') });
const tls = await openTls({ dir: join(folder, 'tls'), clock: systemClock });
const server = await createApiServer({ store, crds, tls });
const { token } = await server.tokens.create({ user: 'bench', groups: ['system:masters'] });
const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ server: url, ca: tls.ca, token }));
process.once('SIGTERM', async () => {
  await server.close();
  tls.close();
  await store.close();
});
