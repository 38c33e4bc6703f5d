import { request } from 'node:https';
import type { Test } from 'tap';
import { readKubeconfig } from '../../../controller/client/kubeconfig.ts';
import { NODE } from '../../../crds/kinds.ts';
import { type FakeGitHub, fakeGitHub } from '../../support/github/fake-github.ts';
import { type LocalServer, localServer } from '../../support/local-server.ts';
import { until } from '../../support/until.ts';

export interface RestAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: { [key: string]: unknown } & { error?: string; message?: string; details?: Record<string, unknown> };
  text: string;
}

export interface CallOptions {
  /** Bearer token; the admin's when it is left out, none for null. */
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface RestLab {
  server: LocalServer;
  github: FakeGitHub;
  adminToken: string;
  url: string;
  ca: string;
  /** A call below /api/v1. */
  call(method: string, path: string, options?: CallOptions): Promise<RestAnswer>;
}

/** Waits for what takes a moment. */
export const soon = <T>(look: () => Promise<T | undefined | false> | T | undefined | false) =>
  until(look, { timeoutMs: 15_000, what: () => look.toString() });

/** A whole installation with the in-memory driver, its REST API over HTTPS, and a GitHub that tests own. */
export async function restLab(
  t: Test,
  flags: Record<string, unknown> = {},
  { agent = true }: { agent?: boolean } = {},
): Promise<RestLab> {
  const github = await fakeGitHub();
  t.teardown(() => github.close());
  const server = await localServer({
    agent,
    flags: { githubApi: github.url, restRate: 100_000, restScheduleWait: 15_000, ...flags },
  });
  t.teardown(() => server.close());
  if (agent)
    await soon(async () => {
      const node = await server.client.get(NODE, { name: 'n1' });
      return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    });
  const { users, clusters } = await readKubeconfig(server.kubeconfig);
  const adminToken = users?.[0]?.user.token ?? '';
  const { server: url = '', 'certificate-authority-data': ca = '' } = clusters?.[0]?.cluster ?? {};
  const certificate = Buffer.from(ca, 'base64').toString();
  const lab: RestLab = {
    server,
    github,
    adminToken,
    url,
    ca: certificate,
    call: (method, path, { token = adminToken, body, headers = {} } = {}) =>
      new Promise((resolve, reject) => {
        const payload =
          body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
        const sent = request(
          `${url}/api/v1${path}`,
          {
            method,
            ca: certificate,
            headers: {
              ...(token !== null && { authorization: `Bearer ${token}` }),
              ...(payload !== undefined && { 'content-type': 'application/json' }),
              ...headers,
            },
          },
          response => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', chunk => {
              text += chunk;
            });
            response.on('end', () => {
              const isJson = /json/.test(String(response.headers['content-type']));
              const { statusCode = 0, headers: received } = response;
              resolve({ status: statusCode, headers: received, text, body: isJson ? JSON.parse(text) : {} });
            });
          },
        );
        sent.once('error', reject);
        sent.end(payload);
      }),
  };
  return lab;
}
