import { toSeconds } from './amounts.ts';
import type { RepoHealthCheck } from './repo-config.ts';

/** The value of `health_check`, or of the older `healthcheck`, as the schema lets it be. */
export type GivenHealthCheck =
  | string
  | {
      type?: 'http' | 'tcp' | 'exec';
      path?: string;
      port?: number;
      command?: string | string[];
      url?: string;
      timeout?: number | string;
      interval?: number | string;
      retries?: number;
    };

/** `problem` is told at `key` of the check, or at the check itself. */
export type ReadHealthCheck = { check: RepoHealthCheck } | { key?: string; problem: string };

export function readHealthCheck(given: GivenHealthCheck, servicePort: number | undefined): ReadHealthCheck {
  if (typeof given === 'string') return readUrl(given);
  const timing: Pick<RepoHealthCheck, 'timeoutSeconds' | 'intervalSeconds' | 'failureThreshold'> = {};
  for (const [key, name] of [
    ['timeout', 'timeoutSeconds'],
    ['interval', 'intervalSeconds'],
  ] as const) {
    const value = given[key];
    if (value === undefined) continue;
    const seconds = toSeconds(value);
    if (seconds === undefined)
      return { key, problem: `${key} "${value}" is no time: seconds up to 3600, or a duration (10s, 1m30s)` };
    timing[name] = seconds;
  }
  if (given.retries !== undefined) timing.failureThreshold = given.retries;
  const kind = readKind(given, servicePort);
  return 'check' in kind ? { check: { ...kind.check, ...timing } } : kind;
}

function readKind(
  given: Exclude<GivenHealthCheck, string>,
  servicePort: number | undefined,
): ReadHealthCheck {
  const { path, port, command, url } = given;
  if (url !== undefined) return readUrl(url, 'url');
  const type = given.type ?? (command === undefined ? (path === undefined ? 'tcp' : 'http') : 'exec');
  if (type === 'exec') {
    if (command === undefined) return { problem: 'an exec check needs a command' };
    return { check: { exec: { command: typeof command === 'string' ? ['sh', '-c', command] : command } } };
  }
  if (command !== undefined) return { key: 'command', problem: `a check of type ${type} takes no command` };
  if (port === undefined && servicePort === undefined)
    return { problem: `a check of type ${type} needs a port: give the service one, or the check` };
  const at = port === undefined ? {} : { port };
  if (type === 'http') return { check: { http: { path: path ?? '/', ...at } } };
  return path === undefined
    ? { check: { tcp: at } }
    : { key: 'path', problem: 'a check of type tcp takes no path' };
}

/** Only in the workspace itself: a check of another machine would say nothing of the service. */
function readUrl(text: string, key?: string): ReadHealthCheck {
  const told = (problem: string): ReadHealthCheck => ({ ...(key && { key }), problem });
  if (!URL.canParse(text)) return told(`"${text}" is no URL; write http://localhost:3000/health`);
  const { protocol, hostname, port, pathname, search } = new URL(text);
  if (protocol !== 'http:')
    return told('only http:// can be checked; use an exec check with curl for anything else');
  if (!['localhost', '127.0.0.1', '[::1]', '0.0.0.0'].includes(hostname))
    return told(`the check is made inside the workspace: write localhost instead of ${hostname}`);
  return { check: { http: { path: `${pathname}${search}`, port: port ? Number(port) : 80 } } };
}
