import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { API_REASONS } from '../../../controller/kit/errors.ts';
import { type Lab, startLab } from '../../integration/apiserver/lab.ts';
import { KINDS, THINGS } from '../../support/hostile-kinds.ts';
import { type HostileRequest, hostileRequest } from '../../support/hostile-requests.ts';

/** Given by whoever wants to see a run again. */
const SEED = Number(process.env.NEXUS_FUZZ_SEED ?? randomInt(2 ** 31));
const RUNS = Number(process.env.NEXUS_FUZZ_RUNS ?? 5000);
const TIME_MS = Number(process.env.NEXUS_FUZZ_MS ?? 8_000);
const CODES: ReadonlySet<number> = new Set(Object.values(API_REASONS).map(({ code }) => code));
const TABLE = { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } };

t.setTimeout(300_000);

t.test('whatever is sent is answered, and refused with a Status: never a 500, never a crash', async t => {
  const lab = await startLab(t);
  const counts = new Map<number, number>();
  const faults = new Map<string, HostileRequest>();
  t.comment(`NEXUS_FUZZ_SEED=${SEED} runs it again`);
  // Watches end by time, and the clock of the lab stands still.
  const ticking = setInterval(() => lab.clock.advance(1000), 2);
  t.teardown(() => clearInterval(ticking));
  let sent = 0;
  let slowest: { ms: number; request?: HostileRequest } = { ms: 0 };
  await fc.check(
    fc.asyncProperty(hostileRequest, async request => {
      if (sent++ % 100 === 0) await lab.call('POST', THINGS.path, THINGS.object);
      const began = performance.now();
      const { code, fault } = await send(lab, request);
      const ms = performance.now() - began;
      if (ms > slowest.ms) slowest = { ms, request };
      counts.set(code, (counts.get(code) ?? 0) + 1);
      if (fault) faults.set(fault, request);
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: TIME_MS },
  );
  t.comment(
    [...counts]
      .sort()
      .map(([code, count]) => `${code}: ${count}`)
      .join(', '),
  );
  t.comment(
    `the slowest took ${Math.round(slowest.ms)} ms: ${JSON.stringify(slowest.request).slice(0, 1000)}`,
  );
  t.strictSame([...faults], [], 'no fault');
  t.ok(sent > 500, `${sent} were sent`);
  t.ok((counts.get(200) ?? 0) > 20 && (counts.get(201) ?? 0) > 20, 'much of it was taken');
  await lab.call('POST', THINGS.path, THINGS.object);
  t.strictSame(await unserved(lab), [], 'whatever was taken is served');
});

/** What is wrong with the answer, without anything that differs from request to request. */
async function send(
  lab: Lab,
  { method, url, headers, body }: HostileRequest,
): Promise<{ code: number; fault?: string }> {
  const logged = lab.logged.length;
  const { statusCode: code, payload } = await lab.server.app.inject({
    method: method as 'GET',
    url,
    headers: { authorization: `Bearer ${lab.token}`, ...headers },
    payload: body,
  });
  if (code < 400) return { code };
  if (!CODES.has(code) || code === API_REASONS.InternalError.code) {
    const error = lab.logged.slice(logged).find(one => one.level === 'error');
    return { code, fault: `${code} ${error?.fields.error ?? payload}` };
  }
  if (method === 'HEAD') return { code };
  const status = JSON.parse(payload) as { kind?: string; code?: number; message?: string };
  const isStatus = status.kind === 'Status' && status.code === code && status.message;
  return isStatus ? { code } : { code, fault: `${code} is no Status: ${payload.slice(0, 100)}` };
}

/** Requests for what is stored that are not answered with 200. */
async function unserved(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const get = async (path: string, options?: object) => {
    const answer = await lab.call('GET', path, undefined, options);
    if (answer.code !== 200) found.push(`${answer.code} ${path} ${answer.text}`);
    return answer;
  };
  for (const { path } of KINDS.filter(({ isReview }) => !isReview)) {
    const { body } = await get(path);
    await get(path, TABLE);
    for (const { metadata } of body?.items ?? []) await get(`${path}/${encodeURIComponent(metadata.name)}`);
  }
  for (const path of ['/apis', '/openapi/v2', '/openapi/v3/apis/example.com/v1', '/metrics']) await get(path);
  return found;
}
