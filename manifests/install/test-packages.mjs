// @ts-check
/** The Debian packages of the real tools that people use and that tests run. */
import { ensurePackages } from './packages.mjs';

const TOOLS = {
  'apache2-utils': 'htpasswd',
  catatonit: 'catatonit',
  'docker-registry': 'docker-registry',
  'docker.io': 'dockerd',
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

// A missing tool is said, not fatal: the tests that need it say that they were skipped, and why.
await ensurePackages(TOOLS).catch(error =>
  console.error(`tests that need them are skipped: ${error.message}`),
);
