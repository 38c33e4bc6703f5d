import { DriverError } from '../../driver.ts';
import type { LxdClient } from './api/lxd-client.ts';
import type { LxdResources, LxdServer } from './api/types.ts';
import { canFilterAddresses } from './spoofing.ts';

/** What does not change while LXD runs. */
export interface LxdFacts {
  kind: 'lxd' | 'incus';
  /** As in `LXD 5.0.2`. */
  version: string;
  has(extension: string): boolean;
  /** Whether LXD can keep instances from using addresses of others: they are root on their interface. */
  canFilterAddresses: boolean;
  /** As in `x86_64`. */
  architecture: string;
  cpuMillis: number;
  memoryBytes: number;
}

/** What instances need that releases of long ago do not have. */
const NEEDED = ['instances', 'event_lifecycle', 'container_exec_user_group_cwd', 'image_create_aliases'];

/** Throws what the client throws, and DriverError when it is no server for us. */
export async function readFacts(lxd: LxdClient): Promise<LxdFacts> {
  const [server, resources] = await Promise.all([
    lxd.get<LxdServer>('/1.0'),
    lxd.get<LxdResources>('/1.0/resources'),
  ]);
  const { api_extensions: extensions, environment, auth } = server;
  if (auth !== 'trusted')
    throw new DriverError('EngineUnavailable', 'LXD does not trust this user: run as root or in its group');
  const kind = environment.server === 'incus' ? 'incus' : 'lxd';
  const version = `${kind === 'incus' ? 'Incus' : 'LXD'} ${environment.server_version}`;
  const there = new Set(extensions);
  const missing = NEEDED.filter(extension => !there.has(extension));
  if (missing.length > 0)
    throw new DriverError(
      'EngineUnavailable',
      `${version} is too old (it lacks ${missing.join(', ')}); LXD 5.0 or Incus 6.0 is needed`,
    );
  return {
    kind,
    version,
    has: extension => there.has(extension),
    canFilterAddresses: await canFilterAddresses(environment.firewall),
    architecture: environment.kernel_architecture ?? 'x86_64',
    cpuMillis: resources.cpu.total * 1000,
    memoryBytes: resources.memory.total,
  };
}
