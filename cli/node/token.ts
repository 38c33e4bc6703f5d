import { type Milliseconds, timestamp } from '../../controller/kit/clock.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import {
  JOIN_TOKEN_TYPE,
  joinTokenSecretName,
  newJoinToken,
  readKeptToken,
} from '../../controller/kit/join-token.ts';
import { SECRET } from '../../crds/kinds.ts';
import { SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { alignColumns } from '../output/columns.ts';
import { findGateway, type Gateway } from '../ssh/gateway.ts';
import { addressOf } from '../ssh/way.ts';

export const TOKEN_OPTIONS = {
  node: { type: 'string', describe: 'token create: for a node of this name alone' },
  ttl: { type: 'string', default: '1h', describe: 'token create: how long it can be used' },
} as const;

export interface TokenFlags extends Flags {
  node?: string;
  ttl: string;
}

const MIN_TTL_MS = 60_000;
const MAX_TTL_MS = 7 * 24 * 3_600_000;
const USAGE = 'nexus node token create [--node NAME] [--ttl 1h], list, or delete ID';

/** `nexus node token …`: lets machines become nodes, once each. */
export async function nodeToken(
  [action, ...args]: string[],
  flags: TokenFlags,
  context: CommandContext,
): Promise<number> {
  switch (action) {
    case 'create':
      return create(flags, context);
    case 'list':
      return list(context);
    case 'delete':
      return remove(args, context);
    default:
      throw usageError(action ? `there is no \`node token ${action}\`` : 'what to do with tokens?', USAGE);
  }
}

async function create({ node, ttl }: TokenFlags, context: CommandContext): Promise<number> {
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined || ttlMs < MIN_TTL_MS || ttlMs > MAX_TTL_MS)
    throw usageError(`--ttl takes a duration from 1m to 168h, not "${ttl}"`);
  const gateway = await findGateway(context);
  if ('problem' in gateway)
    throw new CliError(`nodes join by the gateway, and ${gateway.problem}`, {
      next: 'start the server with --gateway-listen 0.0.0.0:3022',
    });
  const { text, expires } = await mintToken(context, { gateway, ttlMs, nodeName: node });
  context.note(
    `Good once, until ${timestamp(expires)}. On the machine${node ? ` that is to be ${node}` : ''}:`,
  );
  context.print(`nexus agent join ${addressOf(gateway)} --token ${text}`);
  if (['127.0.0.1', 'localhost', '::1'].includes(gateway.host))
    context.note(
      'The gateway is reached from this machine alone; --gateway-listen 0.0.0.0:3022 and --gateway-address change that.',
    );
  return EXIT.done;
}

/** Makes a token that a machine can join with once. Its text is kept nowhere. */
export async function mintToken(
  context: CommandContext,
  { gateway, ttlMs, nodeName }: { gateway: Gateway; ttlMs: Milliseconds; nodeName?: string },
): Promise<{ text: string; id: string; expires: Milliseconds }> {
  const [hostKey = ''] = gateway.hostKeys;
  const expires = context.clock.now() + ttlMs;
  const { text, secret } = newJoinToken({ hostKey, expires, ...(nodeName && { nodeName }) });
  const client = await context.client();
  await client.create(SECRET, secret, { signal: context.signal });
  return { text, id: secret.metadata.name.replace(joinTokenSecretName(''), ''), expires };
}

/** Takes a token back that was not used. One that is gone is success. */
export async function dropToken(context: CommandContext, id: string): Promise<void> {
  const client = await context.client();
  const key = { name: joinTokenSecretName(id), namespace: SYSTEM_NAMESPACE };
  await client.delete(SECRET, key).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
  });
}

async function list(context: CommandContext): Promise<number> {
  const client = await context.client();
  const { items } = await client.list(SECRET, {
    namespace: SYSTEM_NAMESPACE,
    labelSelector: `${JOIN_TOKEN_TYPE}=true`,
    signal: context.signal,
  });
  const tokens = items.flatMap(item => readKeptToken(item) ?? []);
  const rows = tokens.map(({ id, nodeName = '', expires }) => [
    id,
    nodeName || '<any>',
    expires <= context.clock.now() ? `expired ${timestamp(expires)}` : timestamp(expires),
  ]);
  if (rows.length === 0) context.note('no tokens');
  else for (const line of alignColumns([['ID', 'NODE', 'EXPIRES'], ...rows])) context.print(line);
  return EXIT.done;
}

async function remove(args: string[], context: CommandContext): Promise<number> {
  const [text] = args;
  if (!text) throw usageError('which token?', 'nexus node token list');
  // The whole of one is taken too, for who has nothing else of it.
  const id = /^nexus-join\.([^.]+)\./.exec(text)?.[1] ?? text;
  const client = await context.client();
  const key = { name: joinTokenSecretName(id), namespace: SYSTEM_NAMESPACE };
  await client.delete(SECRET, key, { signal: context.signal }).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new CliError(`there is no token ${id}: it was used, has expired or was deleted`, {
      exitCode: EXIT.notFound,
      next: 'nexus node token list',
    });
  });
  context.print(`token ${id} deleted`);
  return EXIT.done;
}
