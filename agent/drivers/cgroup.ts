import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel keeps what holds for a process. */
export interface Cgroups {
  isV1: boolean;
  /** Folder of a controller's mount, and the group of the process below it. */
  of(controller: string): { mount: string; path: string };
}

/** Throws when they cannot be read here: another machine, or another namespace of processes. */
export async function readCgroups(pid: number, root = '/'): Promise<Cgroups> {
  const groups = await readFile(join(root, `proc/${pid}/cgroup`), 'utf8');
  const paths = new Map(
    groups
      .trim()
      .split('\n')
      .flatMap(line => {
        const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
        return controllers.split(',').map(controller => [controller, path] as const);
      }),
  );
  const isV1 = paths.has('memory');
  return {
    isV1,
    of: controller => ({
      mount: join(root, 'sys/fs/cgroup', isV1 ? controller : ''),
      path: paths.get(isV1 ? controller : '') ?? '/',
    }),
  };
}
