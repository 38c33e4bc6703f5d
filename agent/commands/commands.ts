import { arch, hostname, type as osType, release, uptime } from 'node:os';
import { VERSION } from '../../controller/kit/version.ts';
import type { Lister } from '../../controller/runtime/reconciler.ts';
import type { NodeCommandSpec, Placement } from '../../crds/types.generated.ts';
import type { AgentContext } from '../agent-context.ts';
import { collectImages } from '../collect-images.ts';
import type { DriverInfo } from '../driver.ts';
import { removeOrphans } from '../orphans.ts';

export type CommandName = NodeCommandSpec['command'];

export interface CommandContext {
  agent: AgentContext;
  placements: Lister<Placement>;
  signal: AbortSignal;
}

/** What it told, and whether that is a failure. */
export interface CommandResult {
  output: string;
  error?: string;
}

/** What the agent does by name. `restart-agent` is not here: what it comes to is told by the next life. */
export const COMMANDS: Record<
  Exclude<CommandName, 'restart-agent'>,
  (context: CommandContext) => Promise<CommandResult>
> = {
  async info(context) {
    const drivers = await askDrivers(context);
    const told = {
      node: context.agent.nodeName,
      hostname: hostname(),
      agent: VERSION,
      os: osType(),
      kernel: release(),
      arch: arch(),
      node_js: process.version,
      uptime_seconds: Math.floor(uptime()),
      workspaces: placementsOf(context).length,
      drivers: drivers.map(({ name, info, error }) => ({
        name,
        ready: info !== undefined,
        ...(info && { version: info.version, capacity: info.capacity }),
        ...(error && { error }),
      })),
    };
    return { output: JSON.stringify(told, null, 2) };
  },

  async health(context) {
    const drivers = await askDrivers(context);
    const lines = drivers.map(({ name, error }) => `${name}: ${error ?? 'answers'}`);
    const down = drivers.filter(({ error }) => error !== undefined);
    return {
      output: lines.join('\n'),
      ...(down.length > 0 && { error: `${down.map(({ name }) => name).join(', ')} does not answer` }),
    };
  },

  async prune({ agent, placements, signal }) {
    const before = await imagesOf(agent);
    await removeOrphans(agent, placements, signal);
    await collectImages({ ...agent, keepImagesMs: 0 }, placements, signal);
    const after = await imagesOf(agent);
    const gone = before.filter(name => !after.includes(name));
    return {
      output: [`images removed: ${gone.length}`, ...gone, 'what no workspace asks for was looked for'].join(
        '\n',
      ),
    };
  },
};

const placementsOf = ({ agent, placements }: CommandContext) =>
  placements.list({ namespace: agent.namespace });

interface Asked {
  name: string;
  info?: DriverInfo;
  error?: string;
}

function askDrivers({ agent, signal }: CommandContext): Promise<Asked[]> {
  return Promise.all(
    [...agent.backends].map(async ([name, { view }]) =>
      view.driver.info(signal).then(
        info => ({ name, info }),
        (error: Error) => ({ name, error: error.message }),
      ),
    ),
  );
}

async function imagesOf({ backends }: AgentContext): Promise<string[]> {
  const lists = [...backends.values()].map(({ view }) => view.driver.derivedImages?.([]) ?? []);
  return (await Promise.all(lists)).flatMap(images => images.map(({ name }) => name));
}
