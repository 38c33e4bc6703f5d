/**
 * The API server over the durable store, as a process of its own: `node api-process-server.ts FOLDER [PORT [LIMITS]]`,
 * limits as JSON. Prints how to reach it; makes tokens for whom it is told over IPC, as `{user, groups}`.
 */
import { join } from 'node:path';
import { createApiServer } from '../../controller/apiserver/api-server.ts';
import { openTls } from '../../controller/apiserver/tls.ts';
import { loadCrds, loadPolicy } from '../../controller/defaults.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import { openSqliteStore } from '../../controller/store/sqlite.ts';

const [folder = '.', port = '0', limits = '{}'] = process.argv.slice(2);
const store = await openSqliteStore({ file: join(folder, 'nexus.db') });
const tls = await openTls({ dir: join(folder, 'tls'), clock: systemClock });
const server = await createApiServer({
  store,
  crds: loadCrds(),
  policy: loadPolicy(),
  tls,
  limits: JSON.parse(limits),
});
const { token } = await server.tokens.create({ user: 'bench', groups: ['system:masters'] });
process.on('message', async ({ user, groups }: { user: string; groups: string[] }) => {
  process.send?.((await server.tokens.create({ user, groups })).token);
});
const { url } = await server.listen({ host: '127.0.0.1', port: Number(port) });
console.log(JSON.stringify({ server: url, ca: tls.ca, token }));
process.once('SIGTERM', async () => {
  await server.close();
  tls.close();
  await store.close();
  process.disconnect?.();
});
