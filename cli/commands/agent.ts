import { request } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AGENT_OPTIONS } from '../../agent/options.ts';
import { nodeNameFrom } from '../../controller/kit/node-name.ts';
import { kebab, resolveOptions } from '../../controller/kit/options.ts';
import { readOptionsFile, writeOptionsFile } from '../../controller/kit/options-file.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { optionFlags } from '../option-flags.ts';
import { childEnvironment } from '../up/child-environment.ts';
import { makeHome } from '../up/make-home.ts';
import { tellParentReady } from '../up/parent.ts';

const STATUS_MS = 5_000;

interface AgentFlags extends Flags {
  action?: 'join' | 'status';
  server?: string;
  token?: string;
  nodeName?: string;
}

/** What `join` was told of the node is kept there, for every later start. */
const optionsFile = (home: string) => join(home, 'agent', 'options.json');

export const agent: Command = {
  usage: 'agent [action] [server]',
  describe: "Run a node's agent alone, or `agent join SERVER`: make this machine a node of a server",
  examples: [
    ['nexus agent join gateway.example.com --token nexus-join…', 'as `nexus node token create` prints it'],
    ['nexus agent', 'run it, once the machine has joined'],
    ['nexus agent status', 'whether it is at work on this machine; exits with 1 when it is not'],
    ['nexus agent --kubeconfig node-1.kubeconfig --node-name node-1', 'without a gateway'],
  ],
  build: yargs =>
    optionFlags(
      yargs
        .positional('action', {
          type: 'string',
          choices: ['join', 'status'],
          describe: 'What to do instead of running',
        })
        .positional('server', { type: 'string', describe: 'Gateway of the server, HOST or HOST:PORT [3022]' })
        .option('token', {
          type: 'string',
          describe: 'Of `nexus node token create`, for join; `-`: read from standard input',
        }),
      AGENT_OPTIONS,
      'Agent:',
    ),
  async run(raw, context) {
    const flags = raw as AgentFlags;
    if (flags.action === 'join') return joinNode(flags, context);
    if (flags.action === 'status') return tellStatus(flags, context);
    const file = readOptionsFile(optionsFile(context.home));
    const env = childEnvironment(context.io, context.home);
    const { values } = resolveOptions(AGENT_OPTIONS, { flags, env, file });
    const { runAgent } = await import('../../agent/main.ts');
    await runAgent(
      { ...values, kubeconfig: flags.kubeconfig, home: context.home, onReady: tellParentReady },
      context.signal,
    );
    return EXIT.done;
  },
};

/** What the agent of this machine says of itself. */
async function tellStatus(flags: AgentFlags, context: CommandContext): Promise<number> {
  const file = readOptionsFile(optionsFile(context.home));
  const { values } = resolveOptions(AGENT_OPTIONS, { flags, env: context.io.env, file });
  const listen = values.agentMetrics ?? join(context.home, 'agent', 'agent.sock');
  const why = await whyNotReady(listen);
  context.print(why === undefined ? 'the agent is at work' : `the agent is not at work: ${why}`);
  return why === undefined ? EXIT.done : EXIT.failed;
}

/** Asks its /readyz. Undefined: it is. */
function whyNotReady(listen: string): Promise<string | undefined> {
  const [host, port] = listen.includes(':') ? listen.split(/:(?=\d+$)/) : ['127.0.0.1', listen];
  const where = listen.includes('/') ? { socketPath: listen } : { host, port };
  return new Promise(resolve => {
    const asked = request({ ...where, path: '/readyz', timeout: STATUS_MS, agent: false }, async response => {
      const said = (await text(response).catch(() => '')).trim();
      resolve(response.statusCode === 200 ? undefined : said || `it answers ${response.statusCode}`);
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${STATUS_MS / 1000} s`)));
    asked.once('error', error => resolve(error.message));
    asked.end();
  });
}

async function joinNode(flags: AgentFlags, context: CommandContext): Promise<number> {
  const { server } = flags;
  const token = flags.token === '-' ? await text(context.io.stdin) : flags.token;
  const how = '`nexus node token create` on the server prints the whole command';
  if (!server) throw usageError('join which server?', how);
  if (!token) throw usageError('with which --token?', how);
  // Read here too, so that a bad one is told before anything is done.
  const { values } = resolveOptions(AGENT_OPTIONS, { flags, env: context.io.env });
  makeHome(context.home);
  const { JoinError, joinServer } = await import('../../agent/main.ts');
  const joined = await joinServer({
    server,
    token,
    ...(values.nodeName !== undefined && { nodeName: values.nodeName }),
    defaultNodeName: nodeNameFrom(hostname()),
    home: context.home,
    clock: context.clock,
    signal: context.signal,
  }).catch(error => {
    if (!(error instanceof JoinError)) throw error;
    throw new CliError(error.message, { next: error.next, cause: error });
  });
  const given = Object.keys(AGENT_OPTIONS).filter(name => flags[name] !== undefined && name !== 'nodeName');
  await writeOptionsFile(
    optionsFile(context.home),
    Object.fromEntries(given.map(name => [name, flags[name]])),
  );
  context.print(`this machine is node ${joined.nodeName}; run it: nexus agent`);
  const { drivers } = values;
  const forLxc = drivers.includes('lxc') && !drivers.includes('docker') ? ' --driver lxc' : '';
  context.note(`the image of workspaces that name none is made by: nexus image${forLxc}`);
  context.verbose(`how to reach the gateway is in ${joined.file}`);
  if (given.length > 0)
    context.verbose(`kept for every start: ${given.map(name => `--${kebab(name)}`).join(', ')}`);
  return EXIT.done;
}
