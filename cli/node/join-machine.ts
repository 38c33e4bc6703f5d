import { jsonEqual } from '../../controller/kit/json.ts';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { type MachineFacts, PLACES } from '../remote/facts.ts';
import { lastLine, type Remote } from '../remote/remote.ts';
import type { Gateway } from '../ssh/gateway.ts';
import { addressOf } from '../ssh/way.ts';
import { dropToken, mintToken } from './token.ts';

/** Long enough for one join, and no longer. */
const TOKEN_MS = 600_000;

/** The gateway, and where the machine is to look for it. */
export interface GatewayFor {
  published: Gateway;
  reached: { host: string; port: number };
}

/** The Node that a machine is already, of this server. */
export function joinedName(facts: MachineFacts, gateway: Gateway): string | undefined {
  if (facts.gatewayFile === '') return undefined;
  try {
    const file = JSON.parse(facts.gatewayFile) as { nodeName?: string; hostKeys?: string[] };
    const isOurs = file.hostKeys?.some(key => gateway.hostKeys.includes(key.split(' ', 2).join(' ')));
    return isOurs ? file.nodeName : undefined;
  } catch {
    return undefined;
  }
}

/** Makes the machine the node `name`, with a token that goes by standard input alone, and sets its agent's options. */
export async function joinMachine(
  remote: Remote,
  facts: MachineFacts,
  {
    name,
    options,
    gateway,
    context,
  }: { name: string; options: Record<string, unknown>; gateway: GatewayFor; context: CommandContext },
): Promise<{ isNew: boolean; changedOptions: boolean }> {
  const isNew = joinedName(facts, gateway.published) === undefined;
  if (isNew) {
    const token = await mintToken(context, { gateway: gateway.published, ttlMs: TOKEN_MS, nodeName: name });
    try {
      const join = `${PLACES.program} agent join ${shellWord(addressOf(gateway.reached))} --token=- --node-name ${shellWord(name)}`;
      const { code, stderr } = await remote.run(
        `umask 077; mkdir -p ${PLACES.home}; NEXUS_HOME=${PLACES.home} ${join}`,
        { asRoot: true, stdin: token.text },
      );
      if (code !== 0) throw refused(stderr);
    } finally {
      // One that was used is gone already.
      await dropToken(context, token.id);
    }
  }
  const changedOptions = !jsonEqual(facts.optionsFile === '' ? {} : JSON.parse(facts.optionsFile), options);
  const file = `${PLACES.home}/agent/options.json`;
  if (changedOptions || isNew)
    await remote.must(
      'writing the options of the agent',
      `umask 077; cat >${file}.new && mv -f ${file}.new ${file}`,
      { asRoot: true, stdin: `${JSON.stringify(options, null, 2)}\n` },
    );
  return { isNew, changedOptions };
}

/** In the words of `nexus agent join`. */
function refused(stderr: string): CliError {
  const [, message = lastLine(stderr)] = /^error: (.*)$/m.exec(stderr) ?? [];
  const [, next] = /^next: (.*)$/m.exec(stderr) ?? [];
  return new CliError(`the machine could not join: ${message}`, { next });
}
