import { dirname, join, resolve } from 'node:path';
import { readPlainYaml } from './plain-yaml.ts';

// Not imported: that would read every export of node:fs, and with it load file watching and more, 5 ms for nothing.
const { readFileSync } = process.getBuiltinModule('node:fs');

/** kubectl's own format, as far as we read it; what we do not know is kept. */
export interface Kubeconfig {
  apiVersion?: string;
  kind?: string;
  'current-context'?: string;
  clusters?: { name: string; cluster: KubeconfigCluster }[];
  users?: { name: string; user: KubeconfigUser }[];
  contexts?: { name: string; context: KubeconfigContext }[];
  [other: string]: unknown;
}

export interface KubeconfigCluster {
  server?: string;
  /** Path; relative to the file. */
  'certificate-authority'?: string;
  /** PEM in base64. */
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
  /** Other programs' own; ours is SOCKET_EXTENSION. */
  extensions?: { name: string; extension: unknown }[];
}

/** A cluster's extension: `path` of a Unix socket that serves the API of the server `of` to the same user. */
export const SOCKET_EXTENSION = 'nexus.dev/socket';

export interface KubeconfigUser {
  token?: string;
  tokenFile?: string;
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  /** As client.authentication.k8s.io/v1 has it. */
  exec?: unknown;
  'auth-provider'?: unknown;
}

export interface KubeconfigContext {
  cluster: string;
  user?: string;
  namespace?: string;
}

export type KubeconfigErrorCode =
  /** There is no such file. */
  | 'NoFile'
  /** It cannot be read, or is no kubeconfig. */
  | 'Invalid'
  /** No context is chosen, or the chosen one is not in the file. */
  | 'NoContext'
  /** It asks for something that we do not do. */
  | 'Unsupported';

export class KubeconfigError extends Error {
  readonly code: KubeconfigErrorCode;
  constructor(code: KubeconfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
    this.code = code;
  }
}

/** How to reach a server and as whom; everything that was in files is read. */
export interface Connection {
  context: string;
  server: string;
  /** Where the same server may be reached without TLS, if it is on this machine. */
  socket?: string;
  /** The context's; absent: none is set. */
  namespace?: string;
  ca?: string;
  insecure: boolean;
  serverName?: string;
  token?: string;
  /** Read again now and then: something else renews it. */
  tokenFile?: string;
  clientCert?: { cert: string; key: string };
  /** The user's credentials come from a program: see exec-credentials.ts. */
  exec: boolean;
  /** That program is this one: the name of the login, as `nexus login` wrote it. */
  login?: string;
}

/** The hidden command that prints the token of a login; its name comes last. */
export const LOGIN_TOKEN_COMMAND = 'login-token';

function loginOf({ exec }: KubeconfigUser): { login?: string } {
  const { args } = (exec ?? {}) as { args?: unknown };
  const [command, login] = Array.isArray(args) ? args.slice(-2) : [];
  return command === LOGIN_TOKEN_COMMAND && typeof login === 'string' ? { login } : {};
}

/** Which file to read: `--kubeconfig`, else NEXUS_KUBECONFIG, else `<home>/kubeconfig`. Never a plain KUBECONFIG. */
export function kubeconfigPath(from: {
  flag?: string;
  env: Record<string, string | undefined>;
  /** `$NEXUS_HOME`. */
  home: string;
}): string {
  return from.flag || from.env.NEXUS_KUBECONFIG || join(from.home, 'kubeconfig');
}

/** Throws KubeconfigError NoFile, Invalid. */
export async function readKubeconfig(file: string): Promise<Kubeconfig> {
  return parseKubeconfig(readText(file), file);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    const missing = cause.code === 'ENOENT';
    throw new KubeconfigError(
      missing ? 'NoFile' : 'Invalid',
      missing
        ? `there is no kubeconfig ${file}: start a server with \`nexus up\`, or name one with --kubeconfig`
        : `cannot read the kubeconfig ${file}: ${cause.message}`,
      { cause },
    );
  }
}

/** Throws KubeconfigError Invalid. */
export async function parseKubeconfig(text: string, file: string): Promise<Kubeconfig> {
  let value: unknown = readPlainYaml(text);
  try {
    if (value === undefined) value = (await import('./whole-yaml.ts')).parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    throw new KubeconfigError('Invalid', `${file} is not YAML: ${(cause as Error).message.split('\n')[0]}`, {
      cause,
    });
  }
  if (value === null) return {};
  const config = value as Kubeconfig;
  const lists = [config.clusters, config.users, config.contexts];
  const wrong = typeof value !== 'object' || Array.isArray(value);
  if (wrong || (config.kind ?? 'Config') !== 'Config' || lists.some(l => l && !Array.isArray(l)))
    throw new KubeconfigError('Invalid', `${file} is no kubeconfig: it must be of kind Config`);
  return config;
}

/** The context of a server, the current one before others. */
function contextAt({ contexts, clusters, 'current-context': current }: Kubeconfig, server: string) {
  const isThere = new Set(clusters?.filter(({ cluster }) => cluster.server === server).map(c => c.name));
  const found = contexts?.filter(({ context }) => isThere.has(context.cluster)) ?? [];
  return (found.find(({ name }) => name === current) ?? found[0])?.name;
}

/**
 * What a context says, its files read: the one of that name, else one of `server`, else the current one. A context of
 * another server gives its credentials to `server`. Throws KubeconfigError NoContext, Invalid, Unsupported.
 */
export async function resolveConnection(
  config: Kubeconfig,
  options: { file: string; context?: string; server?: string },
): Promise<Connection> {
  const { file, server } = options;
  const ofServer = server === undefined || options.context ? undefined : contextAt(config, server);
  if (server !== undefined && !options.context && !ofServer)
    throw new KubeconfigError('NoContext', `${file} has no login at ${server}: nexus login ${server}`);
  const name = options.context || ofServer || config['current-context'];
  const names = config.contexts?.map(c => c.name).join(', ') || 'none';
  if (!name)
    throw new KubeconfigError(
      'NoContext',
      `${file} has no current context: choose one with --context (${names})`,
    );
  const context = config.contexts?.find(c => c.name === name)?.context;
  if (!context) throw new KubeconfigError('NoContext', `${file} has no context ${name}; it has: ${names}`);
  const cluster = config.clusters?.find(c => c.name === context.cluster)?.cluster;
  if (!cluster?.server)
    throw new KubeconfigError(
      'Invalid',
      `${file}: context ${name} names the cluster ${context.cluster}, which has no server`,
    );
  const user = context.user ? config.users?.find(u => u.name === context.user)?.user : {};
  if (!user)
    throw new KubeconfigError(
      'Invalid',
      `${file}: context ${name} names the user ${context.user}, which is not there`,
    );
  if (cluster['proxy-url'])
    throw new KubeconfigError(
      'Unsupported',
      `${file}: proxy-url of cluster ${context.cluster} is not supported`,
    );
  return {
    ...(await credentials(cluster, user, file)),
    context: name,
    server: server ?? cluster.server,
    ...((server === undefined || server === cluster.server) && socketOf(cluster)),
    namespace: context.namespace,
  };
}

/** Of the server that the entry still names: an edited address means another one. */
function socketOf({ extensions, server }: KubeconfigCluster): { socket?: string } {
  const found = extensions?.find(({ name }) => name === SOCKET_EXTENSION)?.extension;
  const { path, of } = (found ?? {}) as { path?: unknown; of?: unknown };
  return typeof path === 'string' && of === server ? { socket: path } : {};
}

async function credentials(cluster: KubeconfigCluster, user: KubeconfigUser, file: string) {
  const ca = await pem(cluster['certificate-authority-data'], cluster['certificate-authority'], file);
  const cert = await pem(user['client-certificate-data'], user['client-certificate'], file);
  const key = await pem(user['client-key-data'], user['client-key'], file);
  if (Boolean(cert) !== Boolean(key))
    throw new KubeconfigError(
      'Invalid',
      `${file}: a client certificate needs both client-certificate and client-key`,
    );
  return {
    insecure: cluster['insecure-skip-tls-verify'] ?? false,
    exec: Boolean(user.exec ?? user['auth-provider']),
    ...loginOf(user),
    ...(ca && { ca }),
    ...(cluster['tls-server-name'] && { serverName: cluster['tls-server-name'] }),
    // As in client-go, a token that is written out comes before the file.
    ...(user.token
      ? { token: user.token }
      : user.tokenFile && { tokenFile: resolve(dirname(file), user.tokenFile) }),
    ...(cert && key && { clientCert: { cert, key } }),
  };
}

async function pem(
  data: string | undefined,
  path: string | undefined,
  file: string,
): Promise<string | undefined> {
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  if (!path) return undefined;
  const full = resolve(dirname(file), path);
  try {
    return readFileSync(full, 'utf8');
  } catch (cause) {
    const why = (cause as Error).message;
    throw new KubeconfigError('Invalid', `${file} names ${full}, which cannot be read: ${why}`, { cause });
  }
}
