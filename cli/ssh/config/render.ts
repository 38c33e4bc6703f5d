import { shellWord } from '../../../controller/kit/shell-quote.ts';
import { GATEWAY_ALIAS } from '../gateway.ts';
import { identityOptions, KEEP_ALIVE, type SshOption, strictHostKey } from '../options.ts';
import { controlPath, knownHostsFolder } from '../places.ts';
import { keyType } from '../probe.ts';
import { hostAlias } from '../published.ts';
import { gatewayAlias, type Named } from './aliases.ts';
import type { ServerHosts } from './hosts.ts';
import { configPath, configWord } from './quote.ts';

export interface RenderOptions {
  home: string;
  /** Keys to offer; empty: ssh's own choice. */
  identities: string[];
}

/** How an alias reaches its workspace. `either`: found out by ssh itself, each time it connects. */
export type FixedWay = 'direct' | 'gateway' | 'either';

const HEADER = `# Made by \`nexus ssh-config\` and written anew by it: changes here are lost.
# \`nexus ssh-config remove\` takes it away.
`;
/** A shared connection that nobody uses any more stays open this long. */
const PERSIST = '10m';
/** An address that drops what it is sent costs this long before the gateway is taken. */
const PROBE_S = 2;

/**
 * The way that is written down. An address of loopback is this machine's or nobody's. Of any other address nobody knows
 * from which network the file will be used, so that ssh looks when it connects: the published key at the node's port, or
 * else the gateway, which finds the workspace by its name wherever that has moved.
 */
export function fixedWay({ hosts, workspace }: Pick<Named, 'hosts' | 'workspace'>): FixedWay {
  if (!hosts.gateway || hosts.via === 'direct') return 'direct';
  if (hosts.via === 'gateway') return 'gateway';
  if (!isLoopback(workspace.host)) return 'either';
  return workspace.isHere === false ? 'gateway' : 'direct';
}

export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);

/** The whole file of ours. */
export function renderConfig(servers: ServerHosts[], named: Named[], options: RenderOptions): string {
  const sections = servers.map(hosts => {
    const own = named.filter(one => one.hosts === hosts);
    const choices = own.flatMap(one => (fixedWay(one) === 'either' ? [choice(one, options)] : []));
    return [
      `\n# Server ${comment(hosts.context)}, ${comment(hosts.server)}\n`,
      ...(hosts.gateway ? [gatewayBlock(hosts, options)] : []),
      // Programs that read this file but know no Match take the lines below it for this host's, which is none.
      ...(choices.length > 0 ? ['Host !*\n', ...choices] : []),
      ...own.map(one => workspaceBlock(one, options)),
    ].join('\n');
  });
  return [HEADER, ...sections].join('');
}

const block = (head: string, options: SshOption[]): string =>
  `${head}\n${options.map(([name, value]) => `  ${name} ${value}\n`).join('')}`;

/** Text of others in a comment of ours: on its line. */
const comment = (text: string) => text.replace(/\p{Cc}/gu, ' ');

function shared(context: string, alias: string, home: string): SshOption[] {
  const path = controlPath(home, context, alias);
  if (path === undefined) return [];
  return [
    ['ControlMaster', 'auto'],
    ['ControlPath', configPath(path)],
    ['ControlPersist', PERSIST],
  ];
}

function gatewayBlock({ context, gateway }: ServerHosts, { home, identities }: RenderOptions): string {
  if (!gateway) return '';
  return block(`Host ${gatewayAlias(context)}`, [
    ['HostName', gateway.host],
    ['Port', String(gateway.port)],
    ['User', gateway.user],
    ...strictHostKey(GATEWAY_ALIAS, `${knownHostsFolder(home, context)}/${GATEWAY_ALIAS}`),
    ...identityOptions(identities),
    ...KEEP_ALIVE,
    ...shared(context, GATEWAY_ALIAS, home),
  ]);
}

const throughGateway = ({ hosts, workspace }: Named): SshOption[] => [
  ['HostName', hostAlias(workspace)],
  ['Port', '22'],
  ['ProxyJump', gatewayAlias(hosts.context)],
];

/** Goes by way of the gateway unless there is a shared connection, or the published key is seen at the node's port. */
function choice(named: Named, { home }: RenderOptions): string {
  const { hosts, workspace, aliases } = named;
  const { host, port, hostKeys } = workspace;
  const [key = ''] = hostKeys;
  const socket = controlPath(home, hosts.context, hostAlias(workspace));
  const scan = `ssh-keyscan -T ${PROBE_S} -t ${keyType(key)} -p ${port} ${host} 2>/dev/null`;
  const seen = `${scan} | grep -qF ${key.split(' ')[1]}`;
  // In here every version of ssh takes other characters for quotes.
  const isPlain = socket !== undefined && !/["\\']/.test(socket);
  const test = isPlain ? `test -S ${shellWord(socket)} || ${seen}` : seen;
  return block(
    `Match originalhost ${aliases.join(',')} !exec "${test.replaceAll('%', '%%')}"`,
    throughGateway(named),
  );
}

function workspaceBlock(named: Named, { home, identities }: RenderOptions): string {
  const { hosts, workspace, aliases } = named;
  const alias = hostAlias(workspace);
  const { host, port, user } = workspace;
  return block(`Host ${aliases.map(configWord).join(' ')}`, [
    ...(fixedWay(named) === 'gateway'
      ? throughGateway(named)
      : ([
          ['HostName', host],
          ['Port', String(port)],
        ] as const)),
    ['User', user],
    ...strictHostKey(alias, `${knownHostsFolder(home, hosts.context)}/${alias}`),
    ...identityOptions(identities),
    ...KEEP_ALIVE,
    ...shared(hosts.context, alias, home),
  ]);
}
