/** What the fake GitHub knows. Tests change it as they like; everything is read anew at each request. */
export interface World {
  accounts: Map<string, Account>;
  /** Token → whose it is and what it may do. */
  tokens: Map<string, Token>;
  /** `owner/name`, lower case → repository. */
  repositories: Map<string, Repository>;
  nextId: number;
}

export interface Account {
  login: string;
  id: number;
  type: 'User' | 'Organization';
  keys: AccountKey[];
}

export interface AccountKey {
  id: number;
  title: string;
  /** Type and base64, without comment. */
  key: string;
}

export interface Token {
  login: string;
  /** Of a classic token; undefined: a fine-grained one, whose answers name no scopes. */
  scopes: string[] | undefined;
}

export interface Repository {
  owner: string;
  name: string;
  private: boolean;
  /** Who may see it beside the owner, where it is private. */
  readers: string[];
  /** Who may push beside the owner. */
  writers: string[];
  /** False: the owner has forbidden forks. */
  forkable: boolean;
  defaultBranch: string;
  /** `owner/name` of what it was forked from. */
  parent?: string;
  createdAt: Date;
}

export const ALL_SCOPES = ['repo', 'read:org', 'gist', 'admin:public_key'];

export function createWorld(): World {
  return { accounts: new Map(), tokens: new Map(), repositories: new Map(), nextId: 1 };
}

export const repositoryKey = (owner: string, name: string): string => `${owner}/${name}`.toLowerCase();

/** Made when it is first named. */
export function accountOf(world: World, login: string, type: Account['type'] = 'User'): Account {
  const key = login.toLowerCase();
  const account = world.accounts.get(key) ?? { login, id: world.nextId++, type, keys: [] };
  world.accounts.set(key, account);
  return account;
}

/** Those of one account. */
export function forksOf(world: World, { owner, name }: Repository, login: string): Repository[] {
  return [...world.repositories.values()].filter(
    one => one.owner === login && one.parent === `${owner}/${name}`,
  );
}

/** A scope is held, or one that contains it. */
export function holds({ scopes }: Token, wanted: string): boolean {
  if (!scopes) return true;
  const [level, what] = wanted.split(':');
  const containing = what
    ? { read: ['read', 'write', 'admin'], write: ['write', 'admin'] }[level as 'read' | 'write']?.map(
        one => `${one}:${what}`,
      )
    : undefined;
  return (containing ?? [wanted]).some(one => scopes.includes(one));
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

export function mayRead(token: Token | undefined, { private: hidden, owner, readers, writers }: Repository) {
  if (!hidden) return true;
  if (!token || !holds(token, 'repo')) return false;
  return [owner, ...readers, ...writers].some(login => same(login, token.login));
}

export function mayPush(token: Token | undefined, repository: Repository): boolean {
  if (!token || !mayRead(token, repository)) return false;
  if (!holds(token, 'repo') && !holds(token, 'public_repo')) return false;
  return [repository.owner, ...repository.writers].some(login => same(login, token.login));
}
