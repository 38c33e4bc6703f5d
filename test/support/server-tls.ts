import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { openTls } from '../../controller/apiserver/tls.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import { keptFolder } from './kept.ts';

/** Gives the server of a new `home` certificates as it makes them itself, which is a fifth of its first start. */
export async function layServerTls(home: string): Promise<void> {
  const kept = await keptFolder('server-tls', async dir =>
    (await openTls({ dir, clock: systemClock })).close(),
  );
  await cp(kept, join(home, 'server', 'tls'), { recursive: true });
}
