/** The API server over the durable store, as a process of its own: `node api-bench-server.ts FOLDER`. Prints how to reach it. */
import { join } from 'node:path';
import { createApiServer } from '../../controller/apiserver/api-server.ts';
import { openTls } from '../../controller/apiserver/tls.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import { openSqliteStore } from '../../controller/store/sqlite.ts';

const folder = process.argv[2] ?? '.';
const store = await openSqliteStore({ file: join(folder, 'nexus.db') });
const tls = await openTls({ dir: join(folder, 'tls'), clock: systemClock });
const server = await createApiServer({ store, crds: loadCrds(), policy: loadPolicy(), tls });
const { token } = await server.tokens.create({ user: 'bench', groups: ['system:masters'] });
const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ server: url, ca: tls.ca, token }));
process.once('SIGTERM', async () => {
  await server.close();
  tls.close();
  await store.close();
});
