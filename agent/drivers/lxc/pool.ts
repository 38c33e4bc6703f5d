import { DriverError } from '../../driver.ts';
import { isStatus } from './api/lxd-error.ts';
import type { LxcContext } from './context.ts';
import { findPool } from './lxd-facts.ts';

/** Of an LXD that was never set up: directories, which every system can do. */
const FIRST_POOL = 'nexus';

/** Name of the storage pool. An LXD that has none yet gets one, so that nobody has to run `lxd init` first. */
export async function ensurePool({ lxd, pool, log }: LxcContext): Promise<string> {
  const found = await findPool(lxd, pool);
  if (found) return found.name;
  try {
    await lxd.change('POST', '/1.0/storage-pools', {
      body: { name: FIRST_POOL, driver: 'dir', description: 'Made by Nexus, as there was none' },
    });
    log.info({ pool: FIRST_POOL }, 'LXD had no storage pool; one was made');
  } catch (error) {
    // Somebody was faster.
    if (!isStatus(error, 409) && !(await findPool(lxd, pool))) throw error;
  }
  const made = await findPool(lxd, pool);
  if (!made) throw new DriverError('Internal', 'the storage pool went away while it was made');
  return made.name;
}
