import { fastify } from 'fastify';
import t, { type Test } from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { Challenges } from '../../../controller/rest/login/challenges.ts';
import { registerRest } from '../../../controller/rest/register-rest.ts';
import type { User } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const ADA: User = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name: 'ada' },
  spec: { github: { login: 'Ada', id: 7 } },
};

/** The REST API over an API of tests, asked by Ada, whom a cache knows. */
async function lab(t: Test, requestsPerMinute = 1000) {
  const app = fastify();
  const stop = new AbortController();
  t.teardown(async () => {
    stop.abort();
    await app.close();
  });
  const api = new TinyApi();
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  const never = () => Promise.reject(new Error('not asked'));
  await registerRest(app, {
    client: createClient({ transport: api, clock }),
    transportWith: () => api,
    clock,
    log,
    version: '0',
    github: {
      authUrl: 'https://github.com',
      host: 'github.com',
      user: async () => ({ login: 'Ada', id: 7 }),
      repository: never,
      fork: never,
    },
    users: () => [ADA],
    requestsPerMinute,
    registration: 'closed',
    signal: stop.signal,
    scheduleWaitMs: 0,
  });
  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: string) => {
    const headers = { authorization: 'Bearer gho_x', 'content-type': 'application/json' };
    const answer = await app.inject({ method, url: `/api/v1${path}`, headers, ...(payload && { payload }) });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
  return { api, call, lines };
}

t.test('requests are counted, and too many are refused until the minute is over', async t => {
  const { call } = await lab(t, 2);
  t.match(await call('GET', '/workspaces?owner=ada'), {
    status: 200,
    headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': /^\d+$/ },
  });
  await call('GET', '/workspaces?owner=ada');
  const last = await call('GET', '/workspaces?owner=ada');
  t.match(last, {
    status: 429,
    headers: { 'retry-after': /^\d+$/ },
    body: { error: 'rate_limited', status: 429 },
  });
  t.ok(last.body.details.retry_after_seconds > 0);
});

t.test('what breaks inside is told by its operation and no more', async t => {
  const { api, call, lines } = await lab(t);
  api.fault = () => {
    throw new TypeError('a secret of the inside');
  };
  const { status, body } = await call('GET', '/workspaces?owner=ada');
  t.match(
    { status, body },
    {
      status: 500,
      body: { error: 'internal_error', details: { operation: 'GET /api/v1/workspaces' } },
    },
  );
  t.notMatch(JSON.stringify(body), /secret/);
  t.ok(
    lines.some(line => line.includes('a secret') && line.includes(body.request_id)),
    'the log has it, by the request',
  );
});

t.test('another method and too much of a body have codes of their own', async t => {
  const { call } = await lab(t);
  t.match(await call('DELETE', '/workspaces'), {
    status: 405,
    headers: { allow: 'GET' },
    body: { error: 'method_not_allowed' },
  });
  const body = JSON.stringify({ workspace_name: 'x'.repeat(5 * 1024 * 1024) });
  t.match(await call('POST', '/workspaces/create', body), {
    status: 413,
    body: { error: 'request_too_large' },
  });
});

t.test('a challenge holds once, for a minute, where it was made', async t => {
  const clock = new FakeClock();
  const challenges = new Challenges(clock);
  const { challenge } = challenges.issue();
  t.equal(new Challenges(clock).redeem(challenge), false, 'another server');
  t.equal(challenges.redeem(challenge), true);
  t.equal(challenges.redeem(challenge), false, 'again');
  const late = challenges.issue().challenge;
  await clock.advance(60_000);
  t.equal(challenges.redeem(late), false, 'too late');
  t.equal(challenges.redeem(challenge), false, 'what was used and forgotten is over');
});

t.test('a challenge that was bent or is spelled otherwise is none', async t => {
  const challenges = new Challenges(new FakeClock());
  const { challenge } = challenges.issue();
  const data = Buffer.from(challenge, 'base64url');
  for (let at = 0; at < data.length; at++) {
    const bent = Buffer.from(data);
    bent[at]! ^= 1;
    t.equal(challenges.redeem(bent.toString('base64url')), false);
  }
  for (const text of ['', 'x', challenge.slice(1), `${challenge}AAAA`])
    t.equal(challenges.redeem(text), false);
  t.equal(challenges.redeem(challenge), true);
  t.equal(challenges.redeem(`${challenge}=`), false, 'spelled otherwise it is the same');
});
