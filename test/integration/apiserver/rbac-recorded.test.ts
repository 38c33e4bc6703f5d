import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Any } from './lab.ts';
import { startRbacLab } from './rbac-lab.ts';

interface Recorded {
  method: string;
  path: string;
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
  code: number;
  message?: string;
  reason?: string;
  status?: Any;
  object?: Any;
  columns?: unknown[];
  cells?: unknown[][];
  resources?: Any[];
}

const recorded: Recorded[] = readFileSync(new URL('recorded/rbac.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line));

/** Known differences, on purpose. */
const isOther = ({ method, code, path }: Recorded) =>
  // Groups or a uid without a user: Kubernetes calls it its own error.
  code === 500 ||
  // It does not route HEAD for objects at all.
  (method === 'HEAD' && path.includes('/namespaces/'));

/** Reviews have no name in a refusal; Kubernetes leaves the kind out as well and shows its internal field names. */
const isRefusedReview = ({ code, path }: Recorded) =>
  code === 422 && path.includes('authorization.k8s.io/v1/') && path.endsWith('reviews');

t.test('what a kube-apiserver 1.34 answered is what we answer', async t => {
  const { call } = await startRbacLab(t);
  for (const one of recorded) {
    const { method, path, body, type, headers } = one;
    const answer = await call(method, encodeURI(path), body, { headers, ...(type && { type }) });
    const what = `${method} ${path} ${JSON.stringify(headers ?? {})} ${JSON.stringify(body ?? '').slice(0, 200)}`;
    if (isOther(one)) continue;
    t.equal(answer.code, one.code, what);
    if (one.message !== undefined && !isRefusedReview(one))
      t.strictSame([answer.body?.reason, answer.body?.message], [one.reason, one.message], what);
    if (one.status) t.strictSame(comparable(answer.body?.status), comparable(one.status), what);
    if (one.object) t.match(contentOf(answer.body), contentOf(one.object, true), what);
    if (one.columns) {
      const { columnDefinitions, rows } = answer.body;
      t.strictSame(
        columnDefinitions.map((c: Any) => [c.name, c.type, c.priority]),
        one.columns,
        what,
      );
      // Times are those of the recording.
      const bare = (cells: unknown[][]) =>
        cells.map(row => row.map(cell => (/^\d+[smh]$|^\d{4}-/.test(String(cell)) ? 'a time' : cell)));
      t.strictSame(bare(rows.map((row: Any) => row.cells)), bare(one.cells ?? []), what);
    }
    if (one.resources) t.match(answer.body.resources, one.resources, what);
  }
});

/** The rules that somebody has are a set: Kubernetes tells them in the order in which it finds them. */
function comparable(status: Any): Any {
  if (!status?.resourceRules) return status;
  const sorted = (rules: Any[]) => rules.map(rule => JSON.stringify(rule, Object.keys(rule).sort())).sort();
  return {
    ...status,
    resourceRules: sorted(status.resourceRules),
    nonResourceRules: sorted(status.nonResourceRules),
  };
}

function contentOf(object: Any, isRecorded = false): Any {
  const { rules, aggregationRule, subjects, roleRef } = object;
  const { labels, annotations } = isRecorded ? object : object.metadata;
  // Those of aggregated roles are filled in by a controller that did not run; dynamic resources came after 1.32.
  const own = aggregationRule
    ? undefined
    : rules?.filter((r: Any) => !r.apiGroups?.includes('resource.k8s.io'));
  return JSON.parse(JSON.stringify({ rules: own, aggregationRule, subjects, roleRef, labels, annotations }));
}
