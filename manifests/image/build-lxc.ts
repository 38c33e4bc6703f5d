import { arch } from 'node:os';
import { LxdClient } from '../../agent/drivers/lxc/api/lxd-client.ts';
import { lxdSocketPath } from '../../agent/drivers/lxc/find-lxd.ts';
import { VERSION } from '../../controller/kit/version.ts';
import type { Say } from './build.ts';
import { importLxdImage, toLxdImage } from './lxd-image.ts';
import { bootstrapRootfs, SUITE, SYSTEM_PACKAGES, workspacePackages } from './rootfs.ts';

/** Names of Node's by those of the kernel. */
const ARCHITECTURES: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', riscv64: 'riscv64' };

/** Where LXD or Incus listens on this machine, unless it was named. */
export const lxdSocket = lxdSocketPath;

/** Ensures the workspace image in an LXD: made of Debian's packages, as a system with an init. */
export async function ensureLxcWorkspaceImage(
  socketPath: string,
  alias: string,
  say: Say,
  packages = workspacePackages(),
): Promise<void> {
  const lxd = new LxdClient(socketPath);
  try {
    if (await lxd.find(`/1.0/images/aliases/${encodeURIComponent(alias)}`)) return;
    say(`workspace image ${alias} for LXC: make from Debian's packages …`);
    const { tar, ended } = await bootstrapRootfs([...packages, ...SYSTEM_PACKAGES]);
    const image = toLxdImage(tar, {
      architecture: ARCHITECTURES[arch()] ?? arch(),
      description: `Nexus workspace ${VERSION}`,
      os: 'Debian',
      release: SUITE,
    });
    // A bootstrap that broke off ends the image with an error, and LXD then forgets it.
    ended.catch(error => image.destroy(error));
    await importLxdImage(lxd, { alias, image });
    await ended;
    say(`workspace image ${alias} for LXC: ready`);
  } finally {
    lxd.close();
  }
}
