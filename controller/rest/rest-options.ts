import type { User } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import type { GitHub } from './github.ts';
import type { Sessions } from './login/sessions.ts';

export interface RestOptions {
  /** The facade's own access: everything of Nexus. */
  client: Client;
  /** A transport to the same API that sends `headers` with each request: a caller's credential, or who is impersonated. */
  transportWith(headers: Record<string, string>): Transport;
  clock: Clock;
  log: Logger;
  version: string;
  github: GitHub;
  /** The users that a cache knows; whoever is not among them is looked for at the API. Defaults to none. */
  users?: () => readonly User[];
  /** Absent: this server makes no tokens. */
  sessions?: Sessions;
  /** Requests a minute a caller. Defaults to 100. */
  requestsPerMinute?: number;
  /** Who may register: anybody with a GitHub account, or nobody. */
  registration: 'open' | 'closed';
  /** Beginnings of repository URLs that are taken beside `https://` and `git@host:`. */
  repoSchemes?: readonly string[];
  /** Aborted when the server stops. */
  signal: AbortSignal;
  /** How long the answer to a create waits for a node and a port. */
  scheduleWaitMs: Milliseconds;
}
