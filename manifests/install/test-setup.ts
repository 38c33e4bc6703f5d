/** What the tests need of the machine: an engine, the workspace image, and the real tools that people use. */
import Docker from 'dockerode';
import { DEFAULT_IMAGE } from '../../controller/options.ts';
import { ensureWorkspaceImage } from '../image/build.ts';
import { ensureClientToolchains } from './client-toolchains.ts';
import { ensureEngine } from './engine.ts';
import { ensureOldKubectl } from './old-kubectl.ts';
import { ensurePackages, type Packages } from './packages.ts';
import { ensureSchemathesis } from './schemathesis.ts';

const TOOLS: Packages = {
  'apache2-utils': 'htpasswd',
  catatonit: 'catatonit',
  'docker-registry': 'docker-registry',
  gh: 'gh',
  git: 'git',
  iproute2: 'ip',
  iptables: 'iptables',
  'kubernetes-client': 'kubectl',
  mmdebstrap: 'mmdebstrap',
  // Podman's, which is not on the PATH.
  netavark: '/usr/lib/podman/netavark',
  'openssh-client': 'ssh',
  'openssh-server': '/usr/sbin/sshd',
  podman: 'podman',
  'qemu-utils': 'qemu-img',
  rsync: 'rsync',
  shellcheck: 'shellcheck',
  sqlite3: 'sqlite3',
  tmux: 'tmux',
  // LXD, and what it runs its networks and pools with.
  'btrfs-progs': 'mkfs.btrfs',
  'dnsmasq-base': 'dnsmasq',
  lxcfs: 'lxcfs',
  lxd: 'lxd',
  'lxd-client': 'lxc',
  nftables: 'nft',
  'squashfs-tools': 'unsquashfs',
};

const say = (line: string) => console.error(line);

/** A missing tool is said, not fatal: the tests that need it say that they were skipped, and why. */
async function attempt(ensure: () => Promise<void> | void): Promise<void> {
  try {
    await ensure();
  } catch (error) {
    say(`tests that need them are skipped: ${(error as Error).message}`);
  }
}

async function engineAndImage(): Promise<void> {
  try {
    const engine = await ensureEngine(say);
    say(`container engine: ${engine.version} at ${engine.socket}`);
    await ensureWorkspaceImage(new Docker({ socketPath: engine.socket }), DEFAULT_IMAGE, say);
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 1;
  }
}

await attempt(() => ensurePackages(TOOLS));
await attempt(ensureOldKubectl);
// Side by side: on a new machine each waits for the network most of the time.
await Promise.all([engineAndImage(), ...[ensureSchemathesis, ensureClientToolchains].map(attempt)]);
