import { findCycle } from '../kit/find-cycle.ts';
import { toByteQuantity, toCpuQuantity } from './amounts.ts';
import { checkShape } from './check-shape.ts';
import { type GivenHealthCheck, readHealthCheck } from './health-check.ts';
import {
  type Finding,
  PROVIDERS,
  type Provider,
  type ProviderLimits,
  type RepoConfig,
  type RepoConfigReading,
  type RepoService,
} from './repo-config.ts';
import { type Path, readSource } from './source.ts';

type Env = Record<string, string | number | boolean>;
interface GivenService {
  command: string;
  port?: number;
  depends_on?: string[];
  env?: Env;
  environment?: Env;
  health_check?: GivenHealthCheck;
  healthcheck?: GivenHealthCheck;
}
interface GivenLimits {
  image?: string;
  cpu?: number | string;
  memory?: string;
  disk?: string;
}
interface Given {
  name?: string;
  description?: string;
  provider?: string;
  env?: Env;
  services?: Record<string, GivenService>;
  providers?: { default?: string } & Partial<Record<Provider, GivenLimits>>;
  lifecycle?: { pre_start?: string; post_start?: string; pre_stop?: string };
  docker?: GivenLimits;
  lxc?: GivenLimits;
  hooks?: { setup?: string; dev?: string; teardown?: string };
}

const SSH_PORT = 22;

/**
 * Reads the text of `.nexus/config.yaml`. Pure. Every problem is told at once, each with its line and column; older
 * shapes are read with a warning that names the new one.
 *
 * @example
 * const { config, problems } = readRepoConfig('services: {web: {command: npm start, port: 3000}}');
 */
export function readRepoConfig(text: string): RepoConfigReading {
  const source = readSource(text);
  const problems = [...source.problems];
  const warnings: Finding[] = [];
  if (problems.length > 0) return { problems: inOrder(problems), warnings };
  // An empty file asks for a bare workspace.
  if (source.value !== null) problems.push(...checkShape(source));
  const { given, broken } = withoutBroken(source.value, problems);
  const say = {
    problem: (path: Path, message: string, of?: 'key' | 'value') =>
      problems.push(source.at(path, message, of)),
    older: (path: Path, instead: string) =>
      warnings.push(source.at(path, `${path.join('.')} is an older shape; write ${instead}`, 'key')),
  };
  const config: RepoConfig = {
    ...(given.name !== undefined && { name: given.name }),
    ...(given.description !== undefined && { description: given.description }),
    ...readProvider(given, say),
    env: texts(given.env),
    services: readServices(given, broken, say),
    providers: readProviders(given, say),
    lifecycle: readLifecycle(given, say),
  };
  if (problems.length > 0) return { problems: inOrder(problems), warnings };
  return { config, problems, warnings: inOrder(warnings) };
}

/**
 * What can be looked at further when some of it has the wrong shape, so that everything is told at once: without the
 * services and settings that are broken, whose names are still known.
 */
function withoutBroken(value: unknown, problems: Finding[]): { given: Given; broken: ReadonlySet<string> } {
  const broken = new Set<string>();
  if (problems.length === 0) return { given: (value ?? {}) as Given, broken };
  const given = isMap(value) ? { ...value } : {};
  for (const { path } of problems) {
    const [key = '', name] = path.map(String);
    const part = given[key];
    if (name === undefined || !isMap(part)) delete given[key];
    else {
      const { [name]: _, ...rest } = part;
      given[key] = rest;
      if (key === 'services') broken.add(name);
    }
  }
  return { given: given as Given, broken };
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

interface Say {
  problem(path: Path, message: string, of?: 'key' | 'value'): void;
  older(path: Path, instead: string): void;
}

const inOrder = (findings: Finding[]) => findings.sort((a, b) => a.line - b.line || a.column - b.column);

function readProvider(given: Given, say: Say): { provider?: Provider } {
  for (const [path, name] of [
    [['provider'], given.provider],
    [['providers', 'default'], given.providers?.default],
  ] as const) {
    if (name === undefined) continue;
    const provider = PROVIDERS.find(one => one === name);
    if (provider) return { provider };
    say.problem(path, `provider "${name}" is not supported; use docker or lxc`);
  }
  // Without a word, the only one that is described.
  const described = PROVIDERS.filter(name => given.providers?.[name] ?? given[name]);
  return described.length === 1 && described[0] ? { provider: described[0] } : {};
}

function readProviders(given: Given, say: Say): RepoConfig['providers'] {
  const providers: RepoConfig['providers'] = {};
  for (const name of PROVIDERS) {
    const older = given[name];
    if (older) say.older([name], `providers.${name}`);
    if (older && given.providers?.[name])
      say.problem([name], `${name} and providers.${name} say it twice`, 'key');
    const path = given.providers?.[name] ? ['providers', name] : [name];
    const limits = given.providers?.[name] ?? older;
    if (limits) providers[name] = readLimits(limits, path, say);
  }
  return providers;
}

function readLimits({ image, cpu, memory, disk }: GivenLimits, path: Path, say: Say): ProviderLimits {
  const limits: ProviderLimits = { ...(image !== undefined && { image }) };
  if (cpu !== undefined) {
    const quantity = toCpuQuantity(cpu);
    if (quantity === undefined)
      say.problem([...path, 'cpu'], `cpu "${cpu}" is no number of cores: 2, 0.5, 500m`);
    else limits.cpu = quantity;
  }
  for (const [key, text] of Object.entries({ memory, disk }) as ['memory' | 'disk', string | undefined][]) {
    if (text === undefined) continue;
    const quantity = toByteQuantity(text);
    if (quantity === undefined) say.problem([...path, key], `${key} "${text}" is no size: 4GB, 4Gi, 4096M`);
    else limits[key] = quantity;
  }
  return limits;
}

function readLifecycle({ lifecycle = {}, hooks }: Given, say: Say): RepoConfig['lifecycle'] {
  const pick = (now: string | undefined, older: string | undefined, [was, is]: [string, string]) => {
    if (older === undefined) return now;
    say.older(['hooks', was], `lifecycle.${is}`);
    if (now !== undefined)
      say.problem(['hooks', was], `hooks.${was} and lifecycle.${is} say it twice`, 'key');
    return now ?? older;
  };
  const preStart = pick(lifecycle.pre_start, hooks?.setup, ['setup', 'pre_start']);
  const preStop = pick(lifecycle.pre_stop, hooks?.teardown, ['teardown', 'pre_stop']);
  return {
    ...(preStart !== undefined && { preStart }),
    ...(lifecycle.post_start !== undefined && { postStart: lifecycle.post_start }),
    ...(preStop !== undefined && { preStop }),
  };
}

function readServices(given: Given, broken: ReadonlySet<string>, say: Say): RepoService[] {
  const all = Object.entries(given.services ?? {});
  const services = all.map(([name, service]) => readService(name, service, say));
  if (given.hooks?.dev !== undefined) {
    say.older(['hooks', 'dev'], 'a service: services.dev.command');
    if (given.services?.dev) say.problem(['hooks', 'dev'], 'hooks.dev and services.dev say it twice', 'key');
    else services.push({ name: 'dev', command: given.hooks.dev, dependsOn: [], env: {} });
  }
  const users = new Map<number, string>();
  for (const { name, port, dependsOn } of services) {
    if (port === SSH_PORT)
      say.problem(['services', name, 'port'], "port 22 is the workspace's own SSH server");
    else if (port !== undefined) {
      const other = users.get(port);
      if (other) say.problem(['services', name, 'port'], `port ${port} is already the port of ${other}`);
      else users.set(port, name);
    }
    for (const [i, dependency] of dependsOn.entries())
      if (!broken.has(dependency) && !services.some(service => service.name === dependency))
        say.problem(['services', name, 'depends_on', i], `there is no service "${dependency}"`);
  }
  const cycle = findCycle(new Map(services.map(({ name, dependsOn }) => [name, dependsOn])));
  if (cycle)
    say.problem(
      ['services', cycle[0] ?? '', 'depends_on'],
      `services wait for each other: ${cycle.join(' → ')}`,
    );
  return services;
}

function readService(name: string, given: GivenService, say: Say): RepoService {
  const path = ['services', name];
  const { command, port, depends_on = [], env, environment, health_check, healthcheck } = given;
  if (env && environment) say.problem([...path, 'environment'], 'env and environment say it twice', 'key');
  if (healthcheck !== undefined) say.older([...path, 'healthcheck'], 'health_check');
  if (health_check !== undefined && healthcheck !== undefined)
    say.problem([...path, 'healthcheck'], 'health_check and healthcheck say it twice', 'key');
  const key = health_check === undefined ? 'healthcheck' : 'health_check';
  const check = health_check ?? healthcheck;
  const read = check === undefined ? undefined : readHealthCheck(check, port);
  if (read && 'problem' in read) say.problem([...path, key, ...(read.key ? [read.key] : [])], read.problem);
  return {
    name,
    command,
    ...(port !== undefined && { port }),
    dependsOn: [...new Set(depends_on)],
    env: texts(env ?? environment),
    ...(read && 'check' in read && { healthCheck: read.check }),
  };
}

const texts = (env: Env = {}) =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
