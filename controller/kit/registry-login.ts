/** What lets somebody pull from a registry: username and password, or a token that the registry gave. */
export interface RegistryLogin {
  username?: string;
  password?: string;
  identityToken?: string;
}

interface Entry {
  username?: unknown;
  password?: unknown;
  auth?: unknown;
  identitytoken?: unknown;
}

const HUB = 'docker.io';

/**
 * The login for an image's registry in a Docker configuration (`{"auths": {"registry.example.com": {…}}}`). As in
 * Kubernetes, a name may go on with a path and its host may hold `*`; the longest that fits counts. `problem` goes on after
 * "Secret …".
 */
export function findRegistryLogin(config: string, image: string): RegistryLogin | { problem: string } {
  let auths: unknown;
  try {
    auths = (JSON.parse(config) as { auths?: unknown } | null)?.auths;
  } catch {
    return { problem: 'is not JSON' };
  }
  if (typeof auths !== 'object' || auths === null) return { problem: 'has no auths' };
  const names = Object.keys(auths);
  const repository = repositoryOf(image);
  const best = names
    .filter(name => fits(normalized(name), repository))
    .sort((a, b) => normalized(b).length - normalized(a).length)[0];
  if (best === undefined)
    return {
      problem: `has no login for ${repository.split('/')[0]}, where ${image} is${names.length ? `; it has ${names.join(', ')}` : ''}`,
    };
  const login = loginOf((auths as Record<string, Entry | null>)[best] ?? {});
  return login ?? { problem: `holds neither username and password, auth nor identitytoken for ${best}` };
}

/** `debian:12` → `docker.io/library/debian`. */
function repositoryOf(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (!isHost) return `${HUB}/${rest.length > 0 ? name : `library/${name}`}`;
  return /^(index|registry-1)\.docker\.io$/.test(first) ? [HUB, ...rest].join('/') : name;
}

/** `https://index.docker.io/v1/` → `docker.io`. */
function normalized(name: string): string {
  const plain = name
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  return plain.replace(/^(index|registry-1)\.docker\.io(?=\/|$)/, HUB);
}

function fits(pattern: string, repository: string): boolean {
  const [host = '', ...path] = pattern.split('/');
  const [ownHost = '', ...ownPath] = repository.split('/');
  return fitsHost(host, ownHost) && path.every((part, i) => part === ownPath[i]);
}

/** `*` stands for anything within one label. */
function fitsHost(pattern: string, host: string): boolean {
  if (!pattern.includes('*')) return pattern === host;
  const labels = host.split('.');
  const wanted = pattern.split('.');
  return (
    labels.length === wanted.length &&
    wanted.every((label, i) => {
      const parts = label.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return new RegExp(`^${parts.join('.*')}$`).test(labels[i] ?? '');
    })
  );
}

function loginOf({ username, password, auth, identitytoken }: Entry): RegistryLogin | undefined {
  if (typeof identitytoken === 'string' && identitytoken) return { identityToken: identitytoken };
  if (typeof username === 'string' && typeof password === 'string' && username && password)
    return { username, password };
  if (typeof auth !== 'string') return undefined;
  const [, name, secret] = /^([^:]+):(.+?)\0*$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
  return name && secret ? { username: name, password: secret } : undefined;
}
