import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { EXIT } from '../../cli/errors.ts';
import { NODE } from '../../crds/kinds.ts';
import { builtProgram } from '../support/built-program.ts';
import { launcherOf } from '../support/launcher.ts';
import { localServer } from '../support/local-server.ts';
import { lxdByHand } from '../support/lxd-by-hand.ts';
import { noLxd } from '../support/lxd-lab.ts';
import { sharedLxd } from '../support/shared-lxd.ts';
import { systemdMachine } from '../support/systemd-machine.ts';
import { until } from '../support/until.ts';

t.setTimeout(590_000);

t.test('two machines with systemd become nodes and are upgraded together', { skip: noLxd() }, async t => {
  const out = t.testdir({});
  const [lab, server, built] = await Promise.all([
    sharedLxd(t),
    localServer({ agent: false }),
    builtProgram(),
  ]);
  t.teardown(() => lxdByHand(lab).clear('one'));
  t.teardown(() => server.close());
  const [address = ''] = (await server.cli(['gateway'])).stdout.match(/127\.0\.0\.1:\d+/) ?? [];
  const port = Number(address.split(':')[1]);
  const boxes = await Promise.all(['one', 'two'].map(name => systemdMachine(t, lab, name, [port])));
  const [one, two] = boxes as [(typeof boxes)[0], (typeof boxes)[0]];
  // Copies of the program itself, which another test makes, are most of what this would cost.
  const program = join(out, 'program');
  writeFileSync(program, launcherOf(`/opt/test/${basename(built)}`));
  for (const { instance } of boxes)
    await lab.lxc(
      ...['config', 'device', 'add', instance, 'program', 'disk', 'path=/opt/test', 'readonly=true'],
      `source=${dirname(built)}`,
    );
  const config = join(out, 'ssh-config');
  writeFileSync(config, boxes.map(({ flags }) => `Include ${flags[1]}\n`).join(''));
  const add = (name: string, ...args: string[]) =>
    server.cli([
      ...['node', 'add', `root@${name}`, '-F', config, '--program', program, '--node-name', name],
      ...['--no-image', ...args],
    ]);
  const memory = ['--drivers', 'memory'];
  // Its engine: this LXD, by a socket of its own.
  await one.shell('mkdir -p /var/lib/lxd');
  await lab.lxc(
    ...['config', 'device', 'add', one.instance, 'engine', 'proxy', 'bind=instance', 'mode=0600'],
    ...['listen=unix:/var/lib/lxd/unix.socket', `connect=unix:${lab.socketPath}`],
  );
  const mainPid = (box: typeof one) => box.shell('systemctl show -p MainPID --value nexus-agent');

  await t.test('an engine is installed only where one is missing, and else started', async t => {
    // As apt-get would leave it, but stopped; nothing is behind its socket.
    const unit = (kind: string, text: string) => `printf '${text}' >/etc/systemd/system/docker.${kind}`;
    await two.shell(
      [
        unit('socket', '[Socket]\\nListenStream=/run/docker.sock\\n'),
        unit('service', '[Unit]\\nRequires=docker.socket\\n[Service]\\nExecStart=/bin/sleep 1000\\n'),
        'printf "#!/bin/sh\\n" >/usr/bin/dockerd && chmod 755 /usr/bin/dockerd && systemctl daemon-reload',
      ].join(' && '),
    );
    const nowhere = ['--install-engine', '--gateway', '127.0.0.1:1'];
    t.match(await add('two', ...nowhere), {
      code: EXIT.failed,
      stdout: 'docker: started\n',
      stderr: /ok +engine: \/var\/run\/docker\.sock[\s\S]*FAILED +gateway/,
    });
    t.match(await add('two', ...nowhere), { code: EXIT.failed, stdout: '', stderr: /ok +engine/ }, 'it runs');
    t.match(await add('one', ...nowhere), { code: EXIT.failed, stdout: '', stderr: /ok +engine: .*lxd/ });
    const asked = await add('one', '--install-engine', '--drivers', 'docker,lxc', '--dry-run');
    t.match(asked, { code: 0, stdout: /^would install docker\.io/ }, 'the one that was asked for is missing');
  });

  const added = await add('one', '--install-engine', '--label', 'engine=lxd');
  t.match(added, { code: 0, stdout: /node one is Ready\n$/ }, added.stderr);
  t.notMatch(added.stderr, /no systemd/);
  t.match(
    await one.shell('systemctl is-enabled nexus-agent; systemctl is-active nexus-agent'),
    'enabled\nactive',
  );
  const { status } = await server.client.get(NODE, { name: 'one' });
  t.match(status?.drivers, [{ name: 'lxc', ready: true, version: /^LXD / }]);
  t.match(await add('one'), { code: 0, stdout: /agent: runs\nnode one is Ready\n$/ }, 'twice');
  t.match(await add('two', ...memory), { code: 0, stdout: /node two is Ready\n$/ });

  await t.test('an agent that is killed is started again', async () => {
    const before = await mainPid(one);
    await one.shell(`kill -9 ${before}`);
    await until(async () => !['0', before].includes(await mainPid(one)), {
      timeoutMs: 30_000,
      everyMs: 200,
      what: () => 'another agent',
    });
    await until(
      () =>
        one.shell('NEXUS_HOME=/var/lib/nexus nexus agent status').then(
          told => told.includes('at work'),
          () => false,
        ),
      { timeoutMs: 60_000, everyMs: 1000, what: () => 'it to be at work' },
    );
  });

  const upgrade = (...args: string[]) => server.cli(['node', 'upgrade', '-F', config, ...args]);
  await t.test('an upgrade of all, one after the other; one that does not come up is taken back', async t => {
    const newer = join(out, 'newer');
    writeFileSync(newer, Buffer.concat([readFileSync(program), Buffer.from('another build')]));
    const before = await mainPid(one);
    t.match(await upgrade('--all', '--program', newer), {
      code: 0,
      stdout: 'one: upgraded, and Ready\ntwo: upgraded, and Ready\n',
    });
    t.not(await mainPid(one), before);
    const broken = join(out, 'broken');
    writeFileSync(broken, launcherOf('/opt/broken'));
    await one.shell(
      'printf "#!/bin/sh\necho nexus broken\n[ \\$1 = version ]\n" >/opt/broken && chmod 755 /opt/broken',
    );
    const installed = await one.shell('sha256sum /usr/local/bin/nexus');
    t.match(await upgrade('one', '--program', broken, '--timeout', '8s'), {
      code: EXIT.failed,
      stderr: /one was not upgraded, and runs the program that it had: /,
    });
    t.equal(await one.shell('sha256sum /usr/local/bin/nexus'), installed);
    t.match(await one.shell('NEXUS_HOME=/var/lib/nexus nexus agent status'), /at work/);
  });

  await t.test('a reboot of the machine brings the node back', async t => {
    const renewed = async () => (await server.client.get(NODE, { name: 'two' })).status?.conditions;
    t.ok(await renewed());
    await lab.lxc('restart', '--force', two.instance);
    await until(
      () =>
        two.shell('NEXUS_HOME=/var/lib/nexus nexus agent status').then(
          told => told.includes('at work'),
          () => false,
        ),
      { timeoutMs: 90_000, everyMs: 1000, what: () => 'the agent to be at work' },
    );
  });

  await t.test('removed, it is shut out', async t => {
    t.match(await server.cli(['node', 'remove', 'one']), { code: 0 });
    await t.rejects(server.client.get(NODE, { name: 'one' }));
  });
});
