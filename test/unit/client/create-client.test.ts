import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import type { Transport, TransportRequest } from '../../../controller/client/transport.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { NODE, WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const key = { namespace: 'team a', name: 'shop' };
const shop = { metadata: key, spec: {} } as Workspace;

/** Answers everything the same and tells what it was asked. */
function canned(status: number, body: string, headers: Record<string, string | string[]> = {}) {
  const asked: TransportRequest[] = [];
  const transport: Transport = {
    async request(request) {
      asked.push(request);
      return {
        status,
        headers,
        body: (async function* () {
          yield Buffer.from(body);
        })(),
        destroy() {},
      };
    },
    async close() {},
  };
  return { asked, transport };
}

t.test('every verb asks what Kubernetes expects', async t => {
  const { asked, transport } = canned(200, '{"items":[]}');
  const client = createClient({ transport, userAgent: 'test/1' });
  const base = '/apis/nexus.dev/v1alpha1/namespaces/team%20a/workspaces';
  const write = { dryRun: true, fieldManager: 'me', fieldValidation: 'Strict' as const };
  const query = 'dryRun=All&fieldManager=me&fieldValidation=Strict';
  await client.get(WORKSPACE, key);
  await client.list(WORKSPACE, { labelSelector: 'a in (b,c)', limit: 5, continue: 'x=' });
  await client.list(NODE);
  await client.create(WORKSPACE, shop, write);
  await client.update(WORKSPACE, shop, { ...write, subresource: 'status' });
  await client.patch(WORKSPACE, key, 'json', [{ op: 'remove', path: '/spec' }]);
  await client.patch(WORKSPACE, key, 'merge', {}, { subresource: 'status' });
  await client.patch(WORKSPACE, key, 'strategic', {});
  await client.apply(WORKSPACE, shop, { fieldManager: 'me', force: true });
  await client.delete(WORKSPACE, key, {
    dryRun: true,
    preconditions: { uid: 'u' },
    propagationPolicy: 'Foreground',
  });
  await client.raw('GET', '/version', { headers: { 'x-a': 'b' } });
  t.same(
    asked.map(r => `${r.method} ${r.path}`),
    [
      `GET ${base}/shop`,
      'GET /apis/nexus.dev/v1alpha1/workspaces?labelSelector=a%20in%20(b%2Cc)&limit=5&continue=x%3D',
      'GET /apis/nexus.dev/v1alpha1/nodes',
      `POST ${base}?${query}`,
      `PUT ${base}/shop/status?${query}`,
      `PATCH ${base}/shop`,
      `PATCH ${base}/shop/status`,
      `PATCH ${base}/shop`,
      `PATCH ${base}/shop?fieldManager=me&force=true`,
      `DELETE ${base}/shop`,
      'GET /version',
    ],
  );
  t.same(
    asked.filter(r => r.method === 'PATCH').map(r => r.headers['content-type']),
    [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ],
  );
  t.match(JSON.parse(String(asked[8]?.body)), { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace' });
  t.same(JSON.parse(String(asked[9]?.body)), {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid: 'u' },
    propagationPolicy: 'Foreground',
    dryRun: ['All'],
  });
  t.match(asked[0]?.headers, { accept: 'application/json', 'user-agent': 'test/1' });
  t.equal(asked[10]?.headers['x-a'], 'b');
});

t.test(
  'an object without the name or namespace that its path needs is refused before anything is sent',
  async t => {
    const { asked, transport } = canned(200, '{}');
    const client = createClient({ transport });
    await t.rejects(async () => client.get(WORKSPACE, { name: 'x' }), TypeError);
    await t.rejects(async () => client.get(NODE, { name: '' }), TypeError);
    t.equal(asked.length, 0);
  },
);

t.test('items of a list get the kind that a server left out', async t => {
  const { transport } = canned(
    200,
    '{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}}]}',
  );
  const list = await createClient({ transport }).list(WORKSPACE);
  t.match(list.items[0], { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name: 'a' } });
  t.equal(list.metadata.resourceVersion, '5');
  const empty = await createClient({ transport: canned(200, '{"items":null}').transport }).list(WORKSPACE);
  t.same(empty.items, []);
});

t.test('a refusal is an ApiError with what the server said', async t => {
  const said = new ApiError('Invalid', 'spec.image: no', { name: 'shop', causes: [{ field: 'spec.image' }] });
  const { transport } = canned(422, JSON.stringify(said.toStatus()));
  const error = await createClient({ transport })
    .get(WORKSPACE, key)
    .catch(e => e);
  t.ok(error instanceof ApiError);
  t.match(error, { reason: 'Invalid', code: 422, details: { causes: [{ field: 'spec.image' }] } });
});

t.test('a refusal that is no Status is told by its code and its words', async t => {
  for (const [code, body, reason] of [
    [503, '<html>Bad gateway</html>', 'ServiceUnavailable'],
    [401, '', 'Unauthorized'],
    [404, '{"kind":"Other"}', 'NotFound'],
    [418, 'teapot', 'InternalError'],
  ] as const) {
    const error = await createClient({ transport: canned(code, body).transport })
      .get(WORKSPACE, key)
      .catch(e => e);
    t.equal(error.reason, reason);
    t.match(error.message, String(code));
    t.ok(error.message.includes(body.slice(0, 10)));
  }
});

t.test('the patience that a server asks for is told, in its Status or its header', async t => {
  const said = new ApiError('TooManyRequests', 'slow down', { retryAfterSeconds: 7 });
  for (const [body, header, seconds] of [
    [JSON.stringify(said.toStatus()), '3', 7],
    [JSON.stringify(new ApiError('TooManyRequests', 'slow down').toStatus()), '3', 3],
    ['busy', '3', 3],
    ['busy', 'Wed, 21 Oct 2026 07:28:00 GMT', undefined],
  ] as const) {
    const { transport } = canned(429, body, { 'retry-after': header });
    const error = await createClient({ transport })
      .get(WORKSPACE, key)
      .catch(e => e);
    t.equal(error.reason, 'TooManyRequests');
    t.equal(error.details?.retryAfterSeconds, seconds);
  }
});

t.test('an answer that is not JSON is an error, not a crash', async t => {
  const error = await createClient({ transport: canned(200, '<html>').transport })
    .get(WORKSPACE, key)
    .catch(e => e);
  t.match(error, { name: 'ApiError', reason: 'InternalError' });
});

t.test('warnings are handed on, however many are in a header', async t => {
  const warning = ['299 - "unknown field \\"spec.foo\\""', '299 kube "old", 299 - "older, still"'];
  const { transport } = canned(200, '{}', { warning });
  const heard: string[] = [];
  await createClient({ transport }).create(WORKSPACE, shop, { onWarning: text => heard.push(text) });
  t.same(heard, ['unknown field "spec.foo"', 'old', 'older, still']);
});

t.test(
  'a watch ends without error when its signal is aborted, before, while and after it stands',
  async t => {
    const api = new TinyApi();
    const client = createClient({ transport: api });
    const before = new AbortController();
    before.abort();
    for await (const _ of client.watch(WORKSPACE, { signal: before.signal })) t.fail('nothing may come');
    t.equal(api.requests.length, 0);
    for (const hang of [true, false]) {
      api.fault = hang ? () => new Promise(() => {}) : undefined;
      const stop = new AbortController();
      const ended = (async () => {
        for await (const _ of client.watch(WORKSPACE, { signal: stop.signal })) t.fail('nothing may come');
      })();
      await settle();
      stop.abort();
      await ended;
    }
    await settle();
    t.equal(api.watching, 0);
  },
);

t.test('a watch that the server never ends is ended after its time', async t => {
  const api = new TinyApi();
  const clock = new FakeClock();
  const client = createClient({ transport: api, clock });
  const watching = (async () => {
    for await (const _ of client.watch(WORKSPACE, { timeoutSeconds: 60 })) t.fail('nothing may come');
  })();
  const gone = { name: 'ApiError', reason: 'Unreachable' };
  const rejected = t.rejects(watching, gone);
  await clock.advance(91_000);
  await rejected;
  t.equal(clock.pending, 0);
});

t.test('a watch that is refused throws; one that is left frees its connection', async t => {
  const api = new TinyApi();
  const client = createClient({ transport: api });
  api.fault = () => new ApiError('Forbidden', 'no');
  const forbidden = { name: 'ApiError', reason: 'Forbidden' };
  await t.rejects(async () => {
    for await (const _ of client.watch(WORKSPACE)) t.fail('nothing may come');
  }, forbidden);
  api.fault = undefined;
  api.put('/apis/nexus.dev/v1alpha1/namespaces/x/workspaces/a', {});
  for await (const event of client.watch(WORKSPACE, { resourceVersion: '0' })) {
    t.equal(event.type, 'ADDED');
    break;
  }
  await settle();
  t.equal(api.watching, 0);
});

t.test('calls are counted by verb, resource and answer, and timed', async t => {
  const api = new TinyApi();
  const clock = new FakeClock();
  const metrics = new Metrics();
  const client = createClient({ transport: api, clock, metrics });
  await client.create(WORKSPACE, shop);
  await client.get(WORKSPACE, { ...key, name: 'none' }).catch(() => {});
  api.fault = () => clock.sleep(2000).then(() => Promise.reject(new ApiError('Unreachable', 'away')));
  const call = client.list(WORKSPACE).catch(() => {});
  await clock.advance(2000);
  await call;
  const text = await metrics.text();
  t.match(text, 'nexus_client_requests_total{verb="create",resource="workspaces",code="200"} 1');
  t.match(text, 'nexus_client_requests_total{verb="get",resource="workspaces",code="404"} 1');
  t.match(text, 'nexus_client_requests_total{verb="list",resource="workspaces",code="0"} 1');
  t.match(text, 'nexus_client_request_duration_seconds_sum{verb="list",resource="workspaces"} 2');
  await client.close();
});
