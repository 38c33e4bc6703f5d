import { createHash } from 'node:crypto';
import {
  accountOf,
  forksOf,
  mayPush,
  mayRead,
  type Repository,
  repositoryKey,
  type Token,
  type World,
} from './world.ts';

interface Query {
  query?: string;
  variables?: Record<string, unknown>;
}

/**
 * What `gh` 2.23 asks of GraphQL for `auth status`, `repo view`, `repo fork` and `repo clone`: who one is, and a
 * repository; and its forks of whoever asks. Answers hold every field that it may name there; other questions get the error of an unknown field.
 */
export function answerGraphql(
  world: World,
  token: Token,
  host: string,
  { query = '', variables = {} }: Query,
) {
  const data: Record<string, unknown> = {};
  const viewer = /\bviewer\s*\{([^}]*)\}/.exec(query)?.[1];
  // Nothing more than was asked: gh refuses fields of a viewer that it does not know.
  if (viewer)
    data.viewer = {
      ...(/\blogin\b/.test(viewer) && { login: token.login }),
      ...(/\bid\b/.test(viewer) && { id: nodeId('User', token.login) }),
    };
  if (/\brepository\s*\(/.test(query)) {
    const [owner, name] = [String(variables.owner ?? ''), String(variables.name ?? variables.repo ?? '')];
    const found = world.repositories.get(repositoryKey(owner, name));
    if (!found || !mayRead(token, found))
      return {
        data: { ...data, repository: null },
        errors: [
          {
            type: 'NOT_FOUND',
            path: ['repository'],
            message: `Could not resolve to a Repository with the name '${owner}/${name}'.`,
          },
        ],
      };
    data.repository = {
      ...view(world, token, host, found),
      ...(/\bforks\s*\(affiliations: OWNER\b/.test(query) && {
        forks: { nodes: forksOf(world, found, token.login).map(one => view(world, token, host, one)) },
      }),
    };
  }
  return Object.keys(data).length > 0
    ? { data }
    : { errors: [{ type: 'undefinedField', message: 'the fake GitHub has no answer to this query' }] };
}

const nodeId = (kind: string, name: string) =>
  createHash('sha256').update(`${kind} ${name}`).digest('base64url').slice(0, 20);

function view(world: World, token: Token, host: string, repository: Repository): object {
  const { owner, name, private: isPrivate, parent, defaultBranch } = repository;
  const from = parent === undefined ? undefined : world.repositories.get(parent.toLowerCase());
  return {
    id: nodeId('Repository', `${owner}/${name}`),
    name,
    nameWithOwner: `${owner}/${name}`,
    owner: { id: nodeId('User', owner), login: accountOf(world, owner).login },
    description: '',
    url: `https://${host}/${owner}/${name}`,
    sshUrl: `git@${host}:${owner}/${name}.git`,
    isPrivate,
    isFork: from !== undefined,
    visibility: isPrivate ? 'PRIVATE' : 'PUBLIC',
    hasIssuesEnabled: true,
    hasWikiEnabled: true,
    viewerPermission: mayPush(token, repository) ? 'WRITE' : 'READ',
    defaultBranchRef: { name: defaultBranch },
    parent: from ? view(world, token, host, from) : null,
  };
}
