import { slept } from '../../controller/kit/abort.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { askGitHub } from './https.ts';

interface DeviceCode {
  device_code: string;
  user_code: string;
  verification_uri: string;
  /** Seconds. */
  expires_in: number;
  /** Seconds between two questions. */
  interval: number;
}

interface TokenAnswer {
  access_token?: string;
  error?: string;
  interval?: number;
}

/**
 * A token by way of a browser anywhere: the person types a code there (RFC 8628). `clientId` is that of an OAuth app on
 * the host. Throws CliError noAccess, timeout, unreachable.
 */
export async function deviceFlow(
  context: CommandContext,
  { host, clientId, scopes }: { host: string; clientId: string; scopes: string[] },
): Promise<string> {
  const { clock, signal } = context;
  const post = async <T>(path: string, form: Record<string, string>): Promise<T & { error?: string }> => {
    const { status, text } = await askGitHub(context, {
      method: 'POST',
      url: `https://${host}${path}`,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ client_id: clientId, ...form }).toString(),
    });
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw refused(host, `it answered ${status} and no JSON`, cause);
    }
  };

  const code = await post<DeviceCode>('/login/device/code', { scope: scopes.join(' ') });
  if (!code.device_code) throw refused(host, code.error ?? 'it gave no code');
  context.note(`Open ${code.verification_uri} in any browser and enter the code ${code.user_code}`);
  const until = clock.now() + code.expires_in * 1000;
  let intervalMs = code.interval * 1000;
  while (clock.now() < until) {
    if (!(await slept(clock, intervalMs, signal))) throw signal.reason;
    const answer = await post<TokenAnswer>('/login/oauth/access_token', {
      device_code: code.device_code,
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    });
    if (answer.access_token) return answer.access_token;
    if (answer.error === 'slow_down') intervalMs = (answer.interval ?? code.interval + 5) * 1000;
    else if (answer.error === 'expired_token') break;
    else if (answer.error === 'access_denied')
      throw new CliError(`the login on ${host} was refused in the browser`, {
        exitCode: EXIT.noAccess,
        next: 'try again, and authorize it there',
      });
    else if (answer.error !== 'authorization_pending')
      throw refused(host, answer.error ?? 'it gave no token');
  }
  throw new CliError('nobody entered the code in time', { exitCode: EXIT.timeout, next: 'try again' });
}

function refused(host: string, why: string, cause?: unknown): CliError {
  return new CliError(`${host} refuses the login by a code: ${why}`, {
    exitCode: EXIT.noAccess,
    next: 'is the device flow enabled for the OAuth app, and its client id right?',
    cause,
  });
}
