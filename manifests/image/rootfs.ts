/** Root file systems from Debian's packages alone, for machines that reach no image registry. */
import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import { readShipped } from '../../controller/kit/program.ts';
import { ensurePackages } from '../install/packages.mjs';

export const SUITE = 'bookworm';

/** What a Debian needs to be a system of its own and not only a root for one program. */
export const SYSTEM_PACKAGES: readonly string[] = ['systemd-sysv', 'dbus'];

export interface Rootfs {
  /** A tar, not compressed. */
  tar: Readable;
  /** Rejects when the tar broke off: what was made of it is not whole. */
  ended: Promise<void>;
}

/** Those of the workspace image. */
export function workspacePackages(): string[] {
  return readShipped('manifests/image/packages.txt').trim().split('\n');
}

/**
 * A minimal Debian with these packages, without host keys and a name of its own. `base`: a tar of one made before, with
 * fewer packages, to go on from.
 */
export async function bootstrapRootfs(packages: readonly string[], base?: string): Promise<Rootfs> {
  await ensurePackages({ mmdebstrap: 'mmdebstrap' });
  const hooks = [
    'rm -f "$1"/etc/ssh/ssh_host_*',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/doc/*/changelog*',
    'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname',
    // Each machine makes one of its own when it finds this one empty.
    '[ ! -e "$1"/etc/machine-id ] || : > "$1"/etc/machine-id',
  ];
  const start = base
    ? ['--variant=custom', `--setup-hook=tar -C "$1" --exclude='./dev/*' -xf '${base}'`]
    : ['--variant=minbase'];
  const args = [
    ...start,
    '--quiet',
    '--format=tar',
    ...(packages.length > 0 ? [`--include=${packages.join(',')}`] : []),
    ...hooks.map(hook => `--customize-hook=${hook}`),
  ];
  // One that goes on keeps its sources.
  const child = spawn('mmdebstrap', [...args, base ? '' : SUITE, '-'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4096);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', code =>
      code === 0 ? resolve() : reject(new Error(`mmdebstrap exited ${code}: ${stderr}`)),
    );
  });
  ended.catch(() => {});
  return { tar: child.stdout.pipe(new PassThrough()), ended };
}
