import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '../../controller/store/sqlite.ts';
import { storeConformance } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'nexus-store-'));
let opened = 0;
t.teardown(() => rmSync(folder, { recursive: true }));

storeConformance(t, async (t, options) => {
  const store = await openSqliteStore({ file: join(folder, `${++opened}`, 'nexus.db'), ...options });
  t.teardown(() => store.close());
  return store;
});
