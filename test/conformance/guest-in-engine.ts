import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openLabOn, untilState } from '../integration/guest/lab.ts';
import type { EngineNode } from '../support/docker-node.ts';
import { until } from '../support/until.ts';
import { guestConformance } from './guest.ts';

/** The promises of the guest program in instances of a real engine. */
export function guestInEngine(t: Test, openNode: (t: Test) => Promise<EngineNode>): void {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-guest-'));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host')]);
  const hostKey = readFileSync(join(dir, 'host'), 'utf8');
  rmSync(dir, { recursive: true });

  guestConformance(
    t,
    async t => {
      const lab = await openLabOn(t, await openNode(t));
      const { guest, id, node } = lab;
      const git = 'git -c user.name=a -c user.email=b';
      await lab.sh(
        `git init -q -b main /srv/a && cd /srv/a && ${git} commit -q --allow-empty -m one && git branch side &&
         touch git-daemon-export-ok && (git daemon --base-path=/srv --export-all --listen=127.0.0.1 --detach /srv)`,
      );
      return {
        guest,
        id,
        urls: { open: 'git://127.0.0.1/a', unreachable: 'git://127.0.0.1:1/a' },
        until: fits => untilState(guest, id, fits),
        stop: () => node.driver.stop(id, 20),
        start: () => node.driver.start(id),
        async kill(what) {
          if (what === 'sshd') await lab.sh('kill -9 $(cat /run/nexus/sshd.pid)');
          else if (what === 'supervisor') await lab.sh(`kill -9 $(cut -d' ' -f1 /run/nexus/supervisor.pid)`);
          else await lab.sh(`kill -9 $(cut -d' ' -f1 /run/nexus/units/${what.service}/pid)`);
        },
        async edit(path, content) {
          await lab.sh(content === undefined ? `rm ${path}` : `echo '${content}' >${path}`);
        },
        async putInHome(path, content) {
          await lab.sh(`mkdir -p /home/dev/${path.split('/')[0]} && echo '${content}' >/home/dev/${path}`);
        },
      };
    },
    hostKey,
  );

  t.test('of a watch whose process was killed nothing is left', async t => {
    const { guest, id, sh, configure } = await openLabOn(t, await openNode(t));
    await configure();
    const stop = new AbortController();
    t.teardown(() => stop.abort());
    const watching = guest.watch(id, stop.signal)[Symbol.asyncIterator]();
    await watching.next();
    const left = async () => (await sh('pgrep -fx "/bin/sh /opt/nexus/guest watch" | wc -l')).stdout.trim();
    t.equal(await left(), '2', 'what reads and what tells');
    const [pid] = (await sh('ls /run/nexus/watchers')).stdout.split('\n');
    await sh(`kill -9 ${pid}`);
    // Something that is told.
    await sh('kill -9 $(cat /run/nexus/sshd.pid)');
    await until(async () => (await left()) === '0', {
      timeoutMs: 10_000,
      what: () => 'the rest of it to end',
    });
  });
}
