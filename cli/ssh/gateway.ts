import type { Client } from '../../controller/client/client.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { CONFIG_MAP } from '../../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { checkedServer, HOST, type SshServer, USER } from './published.ts';

/** Where the gateway publishes its address and host keys. */
const PUBLISHED = { namespace: SYSTEM_NAMESPACE, name: GATEWAY_CONFIG_MAP };

/** Name by which its host keys are known. No workspace's: those have a dot. */
export const GATEWAY_ALIAS = 'nexus-gateway';

/** The server's jump host. */
export interface Gateway extends SshServer {
  /** Who logs in there. The key tells who it is; the name chooses where several people share one. */
  user: string;
}

/** The server's jump host, or why there is none for us. Throws ApiError when the server does not answer. */
export async function findGateway(context: CommandContext): Promise<Gateway | { problem: string }> {
  const client = await context.client();
  try {
    const [{ data = {} }, user] = await Promise.all([
      client.get(CONFIG_MAP, PUBLISHED, context.signal),
      whoAmI(client, context.signal),
    ]);
    return { ...parseGateway(data), user };
  } catch (error) {
    if (isApiError(error, 'NotFound')) return { problem: 'the server has none' };
    if (isApiError(error, 'Forbidden')) return { problem: 'you may not read where it is' };
    if (error instanceof CliError) return { problem: error.message };
    throw error;
  }
}

/** The person's name at the server, where that is a name that ssh takes. */
async function whoAmI(client: Client, signal: AbortSignal): Promise<string> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const { text } = await client.raw('POST', path, { body, signal }).catch(() => ({ text: '{}' }));
  const review = JSON.parse(text) as { status?: { userInfo?: { username?: string } } };
  const name = review.status?.userInfo?.username ?? '';
  return USER.test(name) ? name : 'nexus';
}

/** Throws CliError. */
export function parseGateway(data: Record<string, string>): SshServer {
  const { address = '', hostKeys = '' } = data;
  const keys = hostKeys
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  if (address === '' || keys.length === 0)
    throw new CliError(`the server publishes a gateway without ${address ? 'host keys' : 'an address'}`);
  return checkedServer('its gateway', { ...parseAddress('the gateway', address), hostKeys: keys });
}

/** Reads `host:port` and `[host]:port`. Throws CliError. */
export function parseAddress(what: string, text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (!host || !HOST.test(host) || Number(port) < 1 || Number(port) > 65_535)
    throw new CliError(`${what}: "${text}" is no HOST:PORT`, { exitCode: EXIT.usage });
  return { host, port: Number(port) };
}
