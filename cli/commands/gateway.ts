import type { Client } from '../../controller/client/client.ts';
import { type Milliseconds, timestamp } from '../../controller/kit/clock.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { sshFingerprint } from '../../controller/kit/ssh-public-key.ts';
import { CONFIG_MAP } from '../../crds/kinds.ts';
import { ANNOTATION_ROTATE_HOST_KEY, GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { ConfigMap } from '../../crds/object.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';

const KEY = { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE };
/** Agents have all heard by then; see controller/gateway/rotate-host-key.ts. */
const MIN_MS: Milliseconds = 600_000;
const MAX_MS: Milliseconds = 90 * 24 * 3_600_000;

export const gateway: Command = {
  usage: 'gateway [action]',
  describe: 'The SSH gateway: its address and host key, and how that is replaced',
  examples: [
    ['nexus gateway', 'where it is, and with which key it answers'],
    ['nexus gateway rotate-key', 'publishes another host key, with which it answers a day later'],
    ['nexus gateway rotate-key --cancel', 'keeps the present one after all'],
  ],
  build: yargs =>
    yargs
      .positional('action', {
        choices: ['status', 'rotate-key'] as const,
        default: 'status' as const,
        describe: 'What to do',
      })
      .option('after', {
        type: 'string',
        default: '24h',
        describe: 'rotate-key: for how long the next key is published before it is used, at least 10m',
      })
      .option('cancel', { type: 'boolean', default: false, describe: 'rotate-key: keep the present one' }),
  async run(raw, context) {
    const flags = raw as Flags & { action: 'status' | 'rotate-key'; after: string; cancel: boolean };
    const client = await context.client();
    const found = await read(client, context);
    if (flags.action === 'status') tell(found, context);
    else if (flags.cancel) await cancel(client, found, context);
    else await rotate(client, flags.after, context);
    return EXIT.done;
  },
};

async function read(client: Client, { signal }: CommandContext): Promise<ConfigMap> {
  try {
    return await client.get(CONFIG_MAP, KEY, signal);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new CliError('the server has no gateway', { next: 'start it without --gateway-listen=off' });
  }
}

function tell({ metadata, data = {} }: ConfigMap, context: CommandContext): void {
  const [own = '', ...next] = (data.hostKeys ?? '').split('\n').filter(line => line !== '');
  context.print(`address   ${data.address}`);
  context.print(`host key  ${fingerprint(own)}`);
  const due = metadata.annotations?.[ANNOTATION_ROTATE_HOST_KEY];
  for (const key of next) context.print(`next key  ${fingerprint(key)}${due ? `, from ${due}` : ''}`);
}

async function rotate(client: Client, after: string, context: CommandContext): Promise<void> {
  const afterMs = parseDuration(after);
  if (afterMs === undefined || afterMs < MIN_MS || afterMs > MAX_MS)
    throw usageError(`--after takes a duration from 10m to 2160h, not "${after}"`);
  const due = timestamp(context.clock.now() + afterMs);
  await annotate(client, due, context);
  context.print(`the gateway answers with another host key from ${due}`);
  context.note(
    'the next key is published until then: nodes that are connected hear of it within minutes, people when they run `nexus ssh` or `nexus ssh-config`; a node that is away all the time has to join again',
  );
}

async function cancel(client: Client, { metadata }: ConfigMap, context: CommandContext): Promise<void> {
  if (metadata.annotations?.[ANNOTATION_ROTATE_HOST_KEY] === undefined)
    return context.print('its host key is not about to be replaced');
  await annotate(client, null, context);
  context.print('the gateway keeps its host key');
}

async function annotate(client: Client, due: string | null, { signal }: CommandContext): Promise<void> {
  const metadata = { annotations: { [ANNOTATION_ROTATE_HOST_KEY]: due } };
  await client.patch(CONFIG_MAP, KEY, 'merge', { metadata }, { signal });
}

const fingerprint = (key: string) => sshFingerprint(Buffer.from(key.split(' ')[1] ?? '', 'base64'));
