/** What the tests need of the machine: an engine, the workspace image, and the real tools that people use. */
import Docker from 'dockerode';
import { DEFAULT_WORKSPACE_IMAGE, ensureWorkspaceImage } from '../image/build.ts';
import { ensureEngine } from './engine.ts';
import { ensurePackages } from './packages.ts';

/** Program → Debian package. */
const TOOLS = {
  catatonit: 'catatonit',
  git: 'git',
  ip: 'iproute2',
  iptables: 'iptables',
  kubectl: 'kubernetes-client',
  mmdebstrap: 'mmdebstrap',
  podman: 'podman',
  rsync: 'rsync',
  shellcheck: 'shellcheck',
  sqlite3: 'sqlite3',
  ssh: 'openssh-client',
  tmux: 'tmux',
};

const say = (line: string) => console.error(line);

/** A missing tool is said, not fatal: the tests that need it say that they were skipped, and why. */
try {
  await ensurePackages([...Object.values(TOOLS), 'netavark'], TOOLS);
} catch (error) {
  say(`tests that need them are skipped: ${(error as Error).message}`);
}
try {
  const engine = await ensureEngine(say);
  say(`container engine: ${engine.version} at ${engine.socket}`);
  await ensureWorkspaceImage(new Docker({ socketPath: engine.socket }), DEFAULT_WORKSPACE_IMAGE, say);
} catch (error) {
  say((error as Error).message);
  process.exit(1);
}
