import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import t from 'tap';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { noPrivateRegistry, startPrivateRegistry } from '../support/private-registry.ts';
import { upLab } from '../support/up-lab.ts';

const run = promisify(execFile);
const PASSWORD = 'correct-horse-battery';
const WRONG = 'wrong-horse-battery';

const engine = await findTestEngine();
const noEngine = 'problem' in engine && engine.problem;

t.test('an image of a registry with a login', { skip: noEngine || noPrivateRegistry() }, async t => {
  if ('problem' in engine) return;
  const { docker } = engine;
  const registry = await startPrivateRegistry('puller', PASSWORD);
  t.teardown(() => registry.close());
  const lab = await upLab(t, dockerByHand(engine));
  const { up } = lab;
  const image = `${registry.host}/team/app:1`;
  const repo = `${registry.host}/team/app`;
  await docker.getImage(lab.image).tag({ repo, tag: '1' });
  t.teardown(() =>
    docker
      .getImage(image)
      .remove({ force: true })
      .catch(() => {}),
  );
  const authconfig = { username: 'puller', password: PASSWORD, serveraddress: registry.host };
  const pushed = await text(await docker.getImage(image).push({ authconfig }));
  t.match(pushed, /digest/, 'it is in the registry');
  await docker.getImage(image).remove();

  const kubectl = (...args: string[]) => run('kubectl', ['--kubeconfig', up.kubeconfig, ...args]);
  const secret = async (password: string) => {
    const { stdout } = await kubectl(
      ...['create', 'secret', 'docker-registry', 'regcred', `--docker-server=${registry.host}`],
      ...['--docker-username=puller', `--docker-password=${password}`, '--dry-run=client', '-o', 'json'],
    );
    const { code, stderr } = await up.apply(stdout);
    t.equal(code, 0, stderr);
  };
  const workspace = (pullSecret?: string) => `
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: app}
spec:
  image: "${image}"
  ${pullSecret ? `imagePullSecretRef: {name: ${pullSecret}}` : ''}
`;
  const messageOf = async (type: string) =>
    (await up.workspace('app')).status?.conditions?.find(condition => condition.type === type)?.message;

  await t.test('without a login it is said that one is asked for', async t => {
    await up.apply(workspace());
    await lab.untilCondition('app', 'ImageReady', 'ImagePullDenied', 20_000);
    t.match(await messageOf('ImageReady'), /asks for a login.*spec\.imagePullSecretRef/s);
    t.match((await up.workspace('app')).status?.phase, 'Failed');
  });

  await t.test('a Secret that is not there, and one without this registry, are named', async t => {
    await up.apply(workspace('regcred'));
    await lab.untilCondition('app', 'Scheduled', 'SecretNotFound', 20_000);
    t.match(await messageOf('Scheduled'), /regcred.*does not exist/);
    const other = `{"auths": {"registry.example.com": {"username": "a", "password": "${WRONG}"}}}`;
    await up.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'regcred' },
        type: 'kubernetes.io/dockerconfigjson',
        stringData: { '.dockerconfigjson': other },
      }),
    );
    await up.untilWorkspace(
      'app',
      'names the registry',
      ({ status }) =>
        status?.conditions?.some(({ message }) =>
          /has no login for 127.*registry\.example\.com/.test(message ?? ''),
        ) ?? false,
      20_000,
    );
  });

  await t.test('a wrong password is refused, and said', async t => {
    await secret(WRONG);
    await lab.untilCondition('app', 'ImageReady', 'ImagePullDenied', 20_000);
    await up.untilWorkspace(
      'app',
      'says where to correct it',
      ({ status }) =>
        status?.conditions?.some(({ message }) => /refused the login/.test(message ?? '')) ?? false,
      20_000,
    );
    t.match(await messageOf('ImageReady'), /refused the login.*Secret.*spec\.imagePullSecretRef/s);
  });

  await t.test('a corrected Secret is enough', async t => {
    const { metadata } = await up.workspace('app');
    await secret(PASSWORD);
    await lab.ready('app', 30_000);
    t.equal(
      (await up.workspace('app')).metadata.generation,
      metadata.generation,
      'nobody touched the workspace',
    );
    t.equal((await lab.ssh('app')) && (await (await lab.ssh('app')).untilLogin()), 'here');
  });

  await t.test('no password is anywhere but in Secrets', async t => {
    const forms = [PASSWORD, WRONG].flatMap(password => [
      password,
      Buffer.from(`puller:${password}`).toString('base64'),
      Buffer.from(password).toString('base64').replace(/=+$/, ''),
    ]);
    const placements = await kubectl('get', 'placements,workspaces,events', '-A', '-o', 'json');
    const container = (await lab.look('app')).text;
    const agentFiles = readdirSync(join(up.home, 'agent'), { withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => readFileSync(join(up.home, 'agent', entry.name), 'utf8'));
    const { stdout: processes } = await run('ps', ['-eo', 'args']);
    const inside = await lab.root(
      'app',
      'env; cat /run/nexus/env; ls -R /root; cat /root/.docker/config.json || true',
    );
    for (const [where, found] of Object.entries({
      log: up.log(),
      api: placements.stdout,
      container,
      agent: agentFiles.join('\n'),
      processes,
      inside,
    }))
      t.notOk(
        forms.find(form => found.includes(form)),
        where,
      );
  });
  await lab.remove('app');
});
