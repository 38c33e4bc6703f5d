import type { FastifyInstance } from 'fastify';
import type { OptionValues } from '../kit/options.ts';
import { createGitHub } from './github.ts';
import type { REST_OPTIONS } from './options.ts';
import { registerRest } from './register-rest.ts';
import type { RestOptions } from './rest-options.ts';

export interface RestParts
  extends Pick<
    RestOptions,
    'client' | 'users' | 'transportWith' | 'clock' | 'log' | 'version' | 'signal' | 'sessions'
  > {
  /** Host that the API listens on. */
  listenHost: string;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** The REST API as the options say. Registration is open by itself only where nobody from elsewhere can come. */
export async function startRest(
  app: FastifyInstance,
  options: OptionValues<typeof REST_OPTIONS>,
  { listenHost, ...parts }: RestParts,
): Promise<void> {
  const { githubHost: host, restRate, restRepoSchemes, restScheduleWait } = options;
  const apiBase =
    options.githubApi ?? (host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`);
  const byItself = LOOPBACK.test(listenHost) ? 'open' : 'closed';
  await registerRest(app, {
    ...parts,
    log: parts.log.child({ part: 'rest' }),
    github: createGitHub({ apiBase, host, clock: parts.clock }),
    registration: (options.registration ?? byItself) as 'open' | 'closed',
    requestsPerMinute: restRate,
    repoSchemes: restRepoSchemes,
    scheduleWaitMs: restScheduleWait,
  });
}
