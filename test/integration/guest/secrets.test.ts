import { once } from 'node:events';
import type { Readable } from 'node:stream';
import t from 'tap';
import { openLab, service, serviceOf } from './lab.ts';

t.setTimeout(300_000);

const needle = 'needle-4b1f93';
const lab = await openLab(t, {
  desired: {
    env: { TOKEN: `${needle}-common` },
    services: [service('web', 'exec sleep 1000', { env: { OWN: `${needle}-own` } })],
  },
});
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  await guest.serviceUp(id, 'web', lab.config.services.web!);
  await guest.runHook(id, 'preStart', 'test -n "$TOKEN"', 'once');
  await lab.until(
    state => serviceOf(state, 'web')?.state === 'Running' && state.jobs.preStart?.state === 'Succeeded',
  );
  const hostKeyLine = lab.desired.hostKey.split('\n')[2] ?? '';

  t.test('secrets are in the environment of processes', async t => {
    const { pid } = serviceOf(await guest.state(id), 'web')!;
    t.match((await lab.sh(`tr '\\0' '\\n' </proc/${pid}/environ`, 'dev')).stdout, `OWN=${needle}-own`);
  });

  t.test('secrets are nowhere in the file system of the container or its volume', async t => {
    const archive = (await lab.node.docker.getContainer(id).export()) as unknown as Readable;
    const found = new Set<string>();
    let before = '';
    archive.on('data', (chunk: Buffer) => {
      const text = before + chunk.toString('latin1');
      for (const secret of [needle, hostKeyLine]) if (text.includes(secret)) found.add(secret);
      before = text.slice(-200);
    });
    await once(archive, 'end');
    t.strictSame([...found], []);
    t.equal(
      (await lab.sh(`grep -rlF -e ${needle} -e '${hostKeyLine}' /home /var /tmp /opt /etc`)).stdout,
      '',
    );
  });

  t.test('secrets are on no command line and in no log', async t => {
    const lines = await lab.sh(`for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null`);
    t.match(lines.stdout, 'unit-run web');
    t.notMatch(lines.stdout.replaceAll(`grep -rlF -e ${needle}`, ''), needle);
    const logs = await lab.node.docker.getContainer(id).logs({ stdout: true, stderr: true });
    t.notMatch(logs.toString(), needle);
    const { Config: config } = await lab.node.docker.getContainer(id).inspect();
    t.notMatch(JSON.stringify(config), needle);
  });

  t.test('the host key is for root alone, definitions and environment for root and the user', async t => {
    const modes = await lab.sh(
      'stat -c "%U %a %n" /run/nexus/ssh_host_ed25519_key /run/nexus/env /run/nexus/units/web/def /run/nexus/units/web/def.run',
    );
    t.strictSame(
      modes.stdout
        .trim()
        .split('\n')
        .map(line => line.split(' ').slice(0, 2).join(' ')),
      ['root 600', 'dev 400', 'root 600', 'dev 400'],
    );
  });
}
