import { isApiError } from '../../controller/kit/errors.ts';
import { CONFIG_MAP } from '../../crds/kinds.ts';
import { GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { checkedServer, type SshServer } from './published.ts';

/** Where the gateway publishes its address and host keys. */
const PUBLISHED = { namespace: SYSTEM_NAMESPACE, name: GATEWAY_CONFIG_MAP };

/** Who logs in there: the key alone tells who it is. */
export const GATEWAY_USER = 'nexus';
/** Name by which its host keys are known. No workspace's: those have a dot. */
export const GATEWAY_ALIAS = 'nexus-gateway';

/** The server's jump host, or why there is none for us. Throws ApiError when the server does not answer. */
export async function findGateway(context: CommandContext): Promise<SshServer | { problem: string }> {
  const client = await context.client();
  try {
    const { data = {} } = await client.get(CONFIG_MAP, PUBLISHED, context.signal);
    return parseGateway(data);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return { problem: 'the server has none' };
    if (isApiError(error, 'Forbidden')) return { problem: 'you may not read where it is' };
    if (error instanceof CliError) return { problem: error.message };
    throw error;
  }
}

/** Throws CliError. */
export function parseGateway(data: Record<string, string>): SshServer {
  const { address = '', hostKeys = '' } = data;
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address) ?? [];
  const keys = hostKeys
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  const host = bracketed ?? plain;
  if (!host || keys.length === 0)
    throw new CliError(`the server publishes a gateway without ${host ? 'host keys' : 'an address'}`);
  return checkedServer('its gateway', { host, port: Number(port), hostKeys: keys });
}
