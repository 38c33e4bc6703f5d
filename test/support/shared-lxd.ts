import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { LxdClient } from '../../agent/drivers/lxc/api/lxd-client.ts';
import { giveImage, imageAlias } from './lxd-images.ts';
import { checkLxd, LXD, type LxdLab, lxdAt, makePool, startLxd, untilLxd } from './lxd-lab.ts';
import { madeOnce } from './made-once.ts';
import { startOf } from './start-of.ts';
import { tellWhenFailed } from './tell-when-failed.ts';

/**
 * Runs LXD until a process has ended, however that ends; then shuts it down with all that it runs, and removes its folder, in
 * which it leaves small file systems mounted.
 */
const KEEPER = `
"$@" &
lxd=$!
tail --pid="$RUNNER" -f /dev/null
kill -PWR $lxd
wait $lxd
tac /proc/mounts | while read -r _ path _; do
  case $path in "$LXD_DIR"/*) umount -l "$path" ;; esac
done
rm -rf "$LXD_DIR"
`;

/**
 * The LXD of this run of tests, which the first file that wants it starts and which ends with the run: to start one, and to
 * unpack an image in it, costs more than most of what tests do with it. What a test makes there is its own to remove, by the
 * name of its node, which no other has. A file that is run by itself has its own. Throws where LXD is not installed.
 */
export async function sharedLxd(t: Test): Promise<LxdLab> {
  if (process.env.TAP_JOB_ID === undefined) return startLxd(t);
  checkLxd();
  const runner = process.ppid;
  const dir = join(tmpdir(), `nexus-lxd-of-${runner}-${startOf(runner)}`);
  const lxd = new LxdClient(join(dir, 'unix.socket'));
  t.teardown(() => lxd.close());
  tellWhenFailed(t, () => ({ logs: { LXD: () => readFileSync(join(dir, 'daemon.log'), 'utf8') } }));
  // Users of unprivileged containers pass through it.
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  const ready = join(dir, 'ready');
  await madeOnce(ready, {
    isThere: () => existsSync(ready),
    async make() {
      const log = openSync(join(dir, 'daemon.log'), 'a', 0o600);
      const env = { ...process.env, LXD_DIR: dir, RUNNER: String(runner) };
      const stdio = ['ignore', log, log] as const;
      spawn('sh', ['-c', KEEPER, 'sh', ...LXD], { env, stdio: [...stdio], detached: true }).unref();
      closeSync(log);
      await untilLxd(lxd, dir);
      await makePool(lxd);
      writeFileSync(ready, '');
    },
    timeoutMs: 90_000,
    what: 'the LXD of this run to be started',
  });
  return lxdAt(dir, lxd, async name => {
    const alias = imageAlias(name);
    const marker = join(dir, `has-${name}`);
    await madeOnce(marker, {
      isThere: () => existsSync(marker),
      async make() {
        await giveImage(lxd, name);
        writeFileSync(marker, '');
      },
      timeoutMs: 160_000,
      what: `the image ${alias} to be given to LXD`,
    });
    return alias;
  });
}
