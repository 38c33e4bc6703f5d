import { AGENT_OPTIONS } from '../../agent/options.ts';
import { type Kubeconfig, kubeconfigPath, readKubeconfig } from '../../controller/client/kubeconfig.ts';
import { updateKubeconfig } from '../../controller/client/write-kubeconfig.ts';
import { kebab, resolveOptions } from '../../controller/kit/options.ts';
import { SERVER_OPTIONS } from '../../controller/options.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { alignColumns } from '../output/columns.ts';
import { toYaml } from '../output/yaml.ts';
import { getPreference, openPreferences, PREFERENCE_KEYS, setPreference } from '../preferences.ts';

interface ConfigFlags extends Flags {
  action: string;
  args: string[];
}

type Action = (args: string[], flags: ConfigFlags, context: CommandContext) => Promise<number>;

const file = (flags: ConfigFlags, context: CommandContext) =>
  kubeconfigPath({ flag: flags.kubeconfig, env: context.io.env, home: context.home });

async function contextNamed(name: string, flags: ConfigFlags, context: CommandContext): Promise<Kubeconfig> {
  const config = await readKubeconfig(file(flags, context));
  if (config.contexts?.some(one => one.name === name)) return config;
  throw new CliError(`there is no context "${name}"`, {
    exitCode: EXIT.notFound,
    next: `there are: ${config.contexts?.map(one => one.name).join(', ') || 'none'}`,
  });
}

const ACTIONS: Record<string, Action> = {
  async view(_args, flags, context) {
    const preferences = await openPreferences(context.home);
    context.print(`# servers and credentials: ${file(flags, context)}`);
    const config = await readKubeconfig(file(flags, context)).catch(() => undefined);
    context.print(config ? toYaml(redacted(config)).trimEnd() : '# not there yet; `nexus up` makes it');
    context.print(`\n# preferences: ${context.home}/config.json`);
    context.print(toYaml(preferences.data).trimEnd());
    for (const [title, table] of [
      ['server', SERVER_OPTIONS],
      ['agent', AGENT_OPTIONS],
    ] as const) {
      const { values, sources } = resolveOptions(table, { env: context.io.env });
      const rows = Object.keys(table).map(name => [
        kebab(name),
        String((values as Record<string, unknown>)[name] ?? ''),
        `# ${(sources as Record<string, string>)[name]}`,
      ]);
      context.print(`\n# options of the ${title}`);
      for (const line of alignColumns(rows)) context.print(line);
    }
    return EXIT.done;
  },

  async 'get-contexts'(_args, flags, context) {
    const config = await readKubeconfig(file(flags, context));
    const server = (name: string) => config.clusters?.find(one => one.name === name)?.cluster.server ?? '';
    const rows = (config.contexts ?? []).map(({ name, context: c }) => [
      name === config['current-context'] ? '*' : '',
      name,
      server(c.cluster),
      c.user ?? '',
      c.namespace ?? '',
    ]);
    for (const line of alignColumns([['CURRENT', 'NAME', 'SERVER', 'USER', 'NAMESPACE'], ...rows]))
      context.print(line);
    return EXIT.done;
  },

  async 'current-context'(_args, flags, context) {
    const name = (await readKubeconfig(file(flags, context)))['current-context'];
    if (!name)
      throw new CliError('no context is chosen', {
        exitCode: EXIT.notFound,
        next: 'nexus config use-context NAME',
      });
    context.print(name);
    return EXIT.done;
  },

  async 'use-context'([name], flags, context) {
    if (!name) throw usageError('which context?', 'nexus config get-contexts');
    await contextNamed(name, flags, context);
    await updateKubeconfig(file(flags, context), config => ({ ...config, 'current-context': name }));
    context.print(`switched to context "${name}"`);
    return EXIT.done;
  },

  async 'set-namespace'([namespace], flags, context) {
    if (!namespace) throw usageError('which namespace?', 'nexus config set-namespace NAME');
    const current = flags.context ?? (await readKubeconfig(file(flags, context)))['current-context'];
    if (!current) throw new CliError('no context is chosen', { next: 'nexus config use-context NAME' });
    await contextNamed(current, flags, context);
    await updateKubeconfig(file(flags, context), config => ({
      ...config,
      contexts: config.contexts?.map(one =>
        one.name === current ? { ...one, context: { ...one.context, namespace } } : one,
      ),
    }));
    context.print(`context "${current}" works in namespace ${namespace}`);
    return EXIT.done;
  },

  async validate([path], _flags, context) {
    const { validateRepoConfig } = await import('../validate-repo-config.ts');
    return validateRepoConfig(path, context);
  },

  async get([key], _flags, context) {
    const { data } = await openPreferences(context.home);
    const value = getPreference(data, known(key));
    if (value === undefined) return EXIT.notFound;
    context.print(String(value));
    return EXIT.done;
  },

  async set([key, value], _flags, context) {
    if (value === undefined) throw usageError('set it to what?', 'nexus config set KEY VALUE');
    const preferences = await openPreferences(context.home);
    setPreference(preferences.data, known(key), value);
    await preferences.write();
    return EXIT.done;
  },

  async unset([key], _flags, context) {
    const preferences = await openPreferences(context.home);
    setPreference(preferences.data, known(key), undefined);
    await preferences.write();
    return EXIT.done;
  },
};

function known(key: string | undefined): string {
  if (key && key in PREFERENCE_KEYS) return key;
  const all = Object.entries(PREFERENCE_KEYS).map(([name, what]) => `  ${name}: ${what}`);
  throw usageError(
    `${key ? `unknown preference "${key}"` : 'which preference?'}; there are:\n${all.join('\n')}`,
  );
}

/** Without what lets somebody in. */
function redacted(config: Kubeconfig): Kubeconfig {
  const hide = (record: object) =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [
        key,
        /token$|-data$|password|key-data/i.test(key) ? '[redacted]' : value,
      ]),
    );
  return {
    ...config,
    clusters: config.clusters?.map(({ name, cluster }) => ({ name, cluster: hide(cluster) })),
    users: config.users?.map(({ name, user }) => ({ name, user: hide(user) })),
  };
}

export const config: Command = {
  usage: 'config <action> [args..]',
  describe:
    'Servers, preferences and options: view, get-contexts, current-context, use-context, set-namespace, get, set, unset; validate a .nexus/config.yaml',
  examples: [
    ['nexus config view', 'all that is set, and where each option came from'],
    ['nexus config use-context team', 'talk to another server'],
    ['nexus config validate', "check this repository's .nexus/config.yaml"],
    ['nexus config set editor.preferred code', 'a preference'],
  ],
  build: yargs =>
    yargs
      .positional('action', {
        type: 'string',
        choices: Object.keys(ACTIONS),
        demandOption: true,
        describe: 'What to do',
      })
      .positional('args', { type: 'string', array: true, default: [], describe: 'With what' }),
  async run(raw, context) {
    const flags = raw as ConfigFlags;
    return (ACTIONS[flags.action] as Action)(flags.args, flags, context);
  },
};
