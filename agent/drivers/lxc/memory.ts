import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCgroups } from '../cgroup.ts';

/** Of an instance whose first process this is: files in memory that nobody uses. 0 when that cannot be read here. */
export async function droppableBytes(pid: number, root = '/'): Promise<number> {
  try {
    const { of } = await readCgroups(pid, root);
    const { mount, path } = of('memory');
    // An init moves itself to a group of its own below the instance's.
    const instance = /^.*?\/lxc\.payload[^/]*/.exec(path)?.[0] ?? path;
    const stat = await readFile(join(mount, instance, 'memory.stat'), 'utf8');
    const inactive = /^total_inactive_file (\d+)$/m.exec(stat) ?? /^inactive_file (\d+)$/m.exec(stat);
    return Number(inactive?.[1] ?? 0);
  } catch {
    return 0;
  }
}
