import { isStatus } from './api/lxd-error.ts';
import type { Config, LxdInstance } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { instancePath } from './instances.ts';

const TRIES = 5;

/** Changes an instance's configuration as it is now; somebody else's change at the same time is kept. */
export async function editInstance(
  { lxd }: LxcContext,
  name: string,
  edit: (config: Config) => void,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { metadata, etag } = await lxd.call<LxdInstance & Record<string, unknown>>(
      'GET',
      instancePath(name),
    );
    const { architecture, config, devices, ephemeral, profiles, description } = metadata;
    edit(config);
    const body = { architecture, config, devices, ephemeral, profiles, description };
    try {
      await lxd.change('PUT', instancePath(name), { body, headers: etag ? { 'if-match': etag } : {} });
      return;
    } catch (error) {
      if (!isStatus(error, 412) || attempt >= TRIES) throw error;
    }
  }
}
