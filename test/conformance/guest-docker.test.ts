import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openLab, untilState } from '../integration/guest/lab.ts';
import { findTestEngine } from '../support/engine.ts';
import { guestConformance } from './guest.ts';

t.setTimeout(90_000);

const engine = await findTestEngine();
if ('problem' in engine) {
  t.test('the guest in Docker', { skip: engine.problem }, async () => {});
} else {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-guest-'));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host')]);
  const hostKey = readFileSync(join(dir, 'host'), 'utf8');
  rmSync(dir, { recursive: true });

  guestConformance(
    t,
    async t => {
      const lab = (await openLab(t))!;
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
}
