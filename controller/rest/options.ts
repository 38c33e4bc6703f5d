import type { OptionTable } from '../kit/options.ts';

/** Options of the REST API. */
export const REST_OPTIONS = {
  githubHost: {
    type: 'string',
    default: 'github.com',
    env: 'NEXUS_GITHUB_HOST',
    help: 'Host whose tokens the REST API takes: github.com, or one of GitHub Enterprise',
  },
  githubApi: {
    type: 'string',
    env: 'NEXUS_GITHUB_API',
    help: "Base URL of that host's API; derived from the host when nobody says",
  },
  registration: {
    type: 'string',
    choices: ['open', 'closed'],
    env: 'NEXUS_REGISTRATION',
    help: 'Whether anybody with a GitHub account may register by the REST API; open on loopback alone when nobody says',
  },
  loginTtl: {
    type: 'duration',
    default: '1h',
    min: 60_000,
    env: 'NEXUS_LOGIN_TTL',
    help: 'How long the token of a login is taken; `nexus` renews it by itself',
  },
  restRate: {
    type: 'number',
    default: 100,
    min: 1,
    env: 'NEXUS_REST_RATE',
    help: 'Requests a minute that one caller of the REST API may make',
  },
  restScheduleWait: {
    type: 'duration',
    default: '1s',
    min: 0,
    env: 'NEXUS_REST_SCHEDULE_WAIT',
    help: 'How long the answer to a create by the REST API waits for a node and a port, at most',
  },
  restRepoSchemes: {
    type: 'list',
    env: 'NEXUS_REST_REPO_SCHEMES',
    help: 'Beginnings of repository URLs that the REST API takes beside https:// and git@HOST:, as in ssh://',
  },
} as const satisfies OptionTable;
