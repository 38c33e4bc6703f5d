import t, { type Test } from 'tap';
import { until } from '../../support/until.ts';
import { type Any, CM, configMap, type Lab, refused, startLab, WS, workspace } from './lab.ts';

const QUOTAS = '/api/v1/namespaces/default/resourcequotas';
const SECRETS = '/api/v1/namespaces/default/secrets';
const TABLE = { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } };

const quota = (name: string, hard: object) => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name },
  spec: { hard },
});
const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });

const MERGE = { type: 'application/merge-patch+json' };

async function usedIs({ call }: Lab, t: Test, name: string, used: object): Promise<void> {
  let last: Any;
  const same = async () => {
    last = (await call('GET', `${QUOTAS}/${name}`)).body.status;
    return JSON.stringify(last?.used) === JSON.stringify(used);
  };
  await until(same, {
    timeoutMs: 15_000,
    everyMs: 5,
    what: () => `${JSON.stringify(used)}; it is ${JSON.stringify(last)}`,
  });
  t.pass(`used is ${JSON.stringify(used)}`);
}

t.test('what goes beyond a quota is refused in Kubernetes’ words', async t => {
  const { call } = await startLab(t);
  const hard = { configmaps: '1', 'count/secrets': 1, 'count/workspaces.nexus.dev': '1' };
  t.equal((await call('POST', QUOTAS, quota('counts', hard))).code, 201);
  t.equal((await call('POST', CM, configMap('a'))).code, 201);
  const body = refused(t, await call('POST', CM, configMap('b')), 403, 'Forbidden');
  t.equal(
    body.message,
    'configmaps "b" is forbidden: exceeded quota: counts, requested: configmaps=1, used: configmaps=1, limited: configmaps=1',
  );
  t.strictSame(body.details, { name: 'b', kind: 'configmaps' });
  t.equal((await call('POST', SECRETS, secret('a'))).code, 201);
  t.match(await call('POST', SECRETS, secret('b')), {
    code: 403,
    text: /used: count\/secrets=1, limited: count\/secrets=1/,
  });
  t.equal((await call('POST', WS, workspace('a'))).code, 201);
  const apply = { type: 'application/apply-patch+yaml' };
  t.match(await call('PATCH', `${WS}/b?fieldManager=m`, workspace('b'), apply), {
    code: 403,
    text: /exceeded quota: counts, requested: count\/workspaces.nexus.dev=1/,
  });
  t.equal(
    (await call('PATCH', `${WS}/a?fieldManager=m&force=true`, workspace('a', { running: false }), apply))
      .code,
    200,
    'what is there may change',
  );
  t.equal((await call('POST', `${CM}?dryRun=All`, configMap('b'))).code, 403);
  t.equal((await call('POST', CM, configMap('a'))).code, 403, 'before it is looked whether it is there');
  t.equal((await call('POST', `${CM}?dryRun=All`, configMap('a'))).code, 403);
  t.equal(
    (await call('POST', CM.replace('default', 'nexus-system'), configMap('b'))).code,
    201,
    'elsewhere it does not hold',
  );
  await call('DELETE', `${CM}/a`);
  t.equal((await call('POST', CM, configMap('b'))).code, 201, 'and there is room again');
  await call('PATCH', `${QUOTAS}/counts`, { spec: { hard: { configmaps: '9' } } }, MERGE);
  t.equal((await call('POST', CM, configMap('b'))).code, 409);
});

t.test('many creates at once get exactly as many objects as there may be', async t => {
  const lab = await startLab(t, { limits: { requestsPerUser: 400 } });
  await lab.call('POST', QUOTAS, quota('counts', { configmaps: '7' }));
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) => lab.call('POST', CM, configMap(`c${i % 40}`))),
  );
  const codes = Map.groupBy(answers, ({ code }) => code);
  t.equal(codes.get(201)?.length, 7);
  t.equal((await lab.call('GET', CM)).body.items.length, 7);
  await usedIs(lab, t, 'counts', { configmaps: '7' });
  await Promise.all(Array.from({ length: 40 }, (_, i) => lab.call('DELETE', `${CM}/c${i}`)));
  await usedIs(lab, t, 'counts', { configmaps: '0' });
  t.equal((await lab.call('POST', CM, configMap('again'))).code, 201, 'no place is lost by what was refused');
});

t.test('status tells what there is, and follows the spec and the objects', async t => {
  const lab = await startLab(t);
  const { call } = lab;
  await call('POST', CM, configMap('a'));
  await call('POST', QUOTAS, quota('counts', { configmaps: '5', 'requests.cpu': '1' }));
  await usedIs(lab, t, 'counts', { configmaps: '1' });
  await call('POST', CM, configMap('b'));
  await usedIs(lab, t, 'counts', { configmaps: '2' });
  await call('PATCH', `${QUOTAS}/counts`, { spec: { hard: { 'count/events': '9' } } }, MERGE);
  await usedIs(lab, t, 'counts', { configmaps: '2', 'requests.cpu': undefined, 'count/events': '0' });
  const { body } = await call('GET', `${QUOTAS}?includeObject=None`, undefined, TABLE);
  t.same(
    body.columnDefinitions.map((one: Any) => one.name),
    ['Name', 'Request', 'Limit', 'Age'],
  );
  t.equal(body.rows[0].cells[1], 'configmaps: 2/5, count/events: 0/9, requests.cpu: 0/1');
  const before = lab.store.revision;
  await call('POST', CM.replace('default', 'nexus-system'), configMap('elsewhere'));
  await call('GET', QUOTAS);
  t.equal(lab.store.revision, before + 1, 'nothing is written without need');
});

t.test(
  'a quota with scopes is about Pods or volumes: it bounds nothing here, and says what makes no sense',
  async t => {
    const lab = await startLab(t);
    const { call } = lab;
    const scoped = (name: string, hard: object, scopes: string[], more: object = {}) => ({
      ...quota(name, hard),
      spec: { hard, scopes, ...more },
    });
    const make = (hard: object, scopes: string[], more?: object) =>
      call('POST', QUOTAS, scoped('q', hard, scopes, more));
    await call('POST', CM, configMap('a'));
    t.equal((await make({ 'count/configmaps': '0' }, ['Terminating'])).code, 201);
    t.equal((await call('POST', CM, configMap('b'))).code, 201);
    await usedIs(lab, t, 'q', { 'count/configmaps': '0' });
    const change = await call('PATCH', `${QUOTAS}/q`, { spec: { scopes: ['NotTerminating'] } }, MERGE);
    t.match(refused(t, change, 422, 'Invalid').message, /spec\.scopes: Invalid value: .*field is immutable/);
    const bad = async (answer: ReturnType<typeof call>, why: RegExp) =>
      t.match(refused(t, await answer, 422, 'Invalid').message, why);
    await bad(make({ configmaps: '1' }, ['Terminating']), /unsupported scope applied to resource$/);
    await bad(make({ 'requests.cpu': '1' }, ['BestEffort']), /unsupported scope applied to resource$/);
    await bad(make({ pods: '1' }, ['VolumeAttributesClass']), /unsupported scope applied to resource$/);
    await bad(make({ pods: '1' }, ['Odd']), /unsupported scope$/);
    await bad(make({ pods: '1' }, ['BestEffort', 'NotBestEffort']), /conflicting scopes$/);
    const select = (expression: object) =>
      make({ pods: '1' }, [], { scopeSelector: { matchExpressions: [expression] } });
    await bad(select({ scopeName: 'PriorityClass', operator: 'In' }), /must be at least one value/);
    await bad(select({ scopeName: 'PriorityClass', operator: 'Odd' }), /not a valid selector operator/);
    await bad(select({ scopeName: 'BestEffort', operator: 'In', values: ['x'] }), /must be 'Exists' when/);
    await bad(select({ scopeName: 'BestEffort', operator: 'Exists', values: ['x'] }), /must be no value/);
    await bad(select({ scopeName: 'Odd', operator: 'Exists' }), /unsupported scope/);
  },
);

t.test('bounds that mean nothing are refused', async t => {
  const { call } = await startLab(t);
  for (const [name, value, why] of [
    ['configmaps', 'x', /must be a quantity/],
    ['configmaps', '-1', /must be greater than or equal to 0/],
    ['configmaps', '1.5', /must be an integer/],
    ['nope', '1', /must be a standard resource for quota/],
    ['count/', '1', /name part must consist of/],
  ] as const) {
    const { message } = refused(
      t,
      await call('POST', QUOTAS, quota('q', { [name]: value })),
      422,
      'Invalid',
      name,
    );
    t.match(message, why);
  }
});
