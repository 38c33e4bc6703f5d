import type { GuestJob, GuestJobState, GuestLack, GuestServiceState, GuestState } from './guest.ts';

const JOBS = new Set<string>(['clone', 'preStart', 'postStart', 'preStop']);
const LACKS = new Set<string>(['git-lfs', 'submodules'] satisfies GuestLack[]);
const SERVICE_STATES = new Set<string>(['Starting', 'Running', 'Backoff', 'Stopped']);

/** Of what goes into a status and is written down at the server: whoever is root in an instance may tell anything. */
const MAX_URL = 2048;
const MAX_BRANCH = 255;
const MAX_TAIL = 2048;
const MAX_CONFIG_BYTES = 16 * 1024;

/** What the guest printed is not a snapshot: another version of the program, or a disturbed stream. */
export class GuestStateError extends Error {
  constructor(message: string) {
    super(`the guest's state cannot be read: ${message}`);
    this.name = 'GuestStateError';
  }
}

/**
 * Reads one snapshot, from `nexus-guest 1` to `end`, as program/50-snapshot.sh writes it. Pure; throws GuestStateError at
 * the first line that is not exactly as expected.
 */
export function parseGuestState(text: string): GuestState {
  const lines = text.split('\n');
  if (lines.shift() !== 'nexus-guest 1') throw new GuestStateError('it does not begin with nexus-guest 1');
  if (lines.pop() !== '' || lines.pop() !== 'end') throw new GuestStateError('it is not complete');
  const state: Partial<GuestState> & Pick<GuestState, 'files' | 'services' | 'jobs'> = {
    files: {},
    services: [],
    jobs: {},
  };
  for (const line of lines) readLine(line, state);
  const { bootId, version, configured, sshd, supervisor } = state;
  if (
    bootId === undefined ||
    version === undefined ||
    configured === undefined ||
    sshd === undefined ||
    supervisor === undefined
  )
    throw new GuestStateError('a line is missing');
  return {
    ...state,
    bootId,
    version,
    configured,
    fenced: state.fenced ?? false,
    homeLost: state.homeLost ?? false,
    sshd,
    supervisor,
  };
}

function readLine(
  line: string,
  state: Partial<GuestState> & Pick<GuestState, 'files' | 'services' | 'jobs'>,
) {
  const [kind = '', ...fields] = line.split(' ');
  const bad = new GuestStateError(`unexpected line ${JSON.stringify(line.slice(0, 200))}`);
  const expect = (count: number) => {
    if (fields.length !== count || fields.some(field => field === '')) throw bad;
    return fields as [string, string, string, string, string, string, string, string];
  };
  const flag = (text: string) => {
    if (text !== 'yes' && text !== 'no') throw bad;
    return text === 'yes';
  };
  const integer = (text: string) => {
    if (!/^\d{1,15}$/.test(text)) throw bad;
    return Number(text);
  };
  switch (kind) {
    case 'boot':
      state.bootId = expect(1)[0];
      return;
    case 'home':
      if (expect(1)[0] !== 'lost') throw bad;
      state.homeLost = true;
      return;
    case 'at':
      state.at = integer(expect(1)[0]);
      return;
    case 'version':
      state.version = expect(1)[0];
      return;
    case 'configured':
    case 'fenced':
      state[kind] = flag(expect(1)[0]);
      return;
    case 'sshd':
    case 'supervisor': {
      const [running, restarts] = expect(2);
      state[kind] = { running: flag(running), restarts: integer(restarts) };
      return;
    }
    case 'file': {
      const [digest, path] = expect(2);
      if (!/^[0-9a-f]{64}$/.test(digest) || !path.startsWith('/')) throw bad;
      state.files[path] = digest;
      return;
    }
    case 'service':
      state.services.push(readService(expect(8), integer, bad));
      return;
    case 'job': {
      const [name, jobState, code, token] = expect(4);
      if (!JOBS.has(name) || state.jobs[name as GuestJob]) throw bad;
      state.jobs[name as GuestJob] = readJob(jobState, code, token, bad);
      return;
    }
    case 'tail': {
      if (fields.length !== 2) throw bad;
      const job = state.jobs[fields[0] as GuestJob];
      if (!job || !/^[A-Za-z0-9+/]*=*$/.test(fields[1] ?? '')) throw bad;
      job.tail = Buffer.from(fields[1] ?? '', 'base64')
        .toString('utf8')
        .slice(-MAX_TAIL);
      return;
    }
    case 'received': {
      const { clone } = state.jobs;
      if (!clone) throw bad;
      clone.receivedMiB = integer(expect(1)[0]);
      return;
    }
    case 'repository': {
      const [commit = '', dirty = '', branch = '', ...url] = fields;
      if (!/^([0-9a-f]{40,64}|-)$/.test(commit) || branch === '' || url.length === 0) throw bad;
      state.repository = {
        url: url.join(' ').slice(0, MAX_URL),
        commit: commit === '-' ? '' : commit,
        branch: branch === '-' ? '' : branch.slice(0, MAX_BRANCH),
        dirty: flag(dirty),
      };
      return;
    }
    case 'lacks': {
      if (!state.repository || fields.length === 0 || !fields.every(field => LACKS.has(field))) throw bad;
      state.repository.lacks = fields as GuestLack[];
      return;
    }
    case 'config': {
      const [word] = expect(1);
      if (!state.repository || !/^(-|[A-Za-z0-9+/]+=*)$/.test(word)) throw bad;
      const text = Buffer.from(word, 'base64');
      const isTooLarge = word === '-' || text.length > MAX_CONFIG_BYTES;
      state.repository.config = isTooLarge ? { isTooLarge } : { text: text.toString('utf8') };
      return;
    }
    default:
      throw bad;
  }
}

function readService(
  [name, wanted, state, digest, pid, exitCode, restarts, since]: string[] & {
    0: string;
    1: string;
    2: string;
  },
  integer: (text: string) => number,
  bad: GuestStateError,
): GuestServiceState {
  if (wanted !== 'Up' && wanted !== 'Down') throw bad;
  if (!SERVICE_STATES.has(state)) throw bad;
  if (!/^([0-9a-f]{64}|-)$/.test(digest ?? '')) throw bad;
  return {
    name,
    wanted,
    state: state as GuestServiceState['state'],
    digest: digest === '-' ? '' : (digest ?? ''),
    ...(pid !== '-' && { pid: integer(pid ?? '') }),
    ...(exitCode !== '-' && { exitCode: integer(exitCode ?? '') }),
    restarts: integer(restarts ?? ''),
    since: integer(since ?? ''),
  };
}

function readJob(state: string, code: string, token: string, bad: GuestStateError): GuestJobState {
  const plain = decodeToken(token);
  if (plain === undefined) throw bad;
  if (state === 'Running' && code === '-') return { state, token: plain };
  if ((state === 'Succeeded' || state === 'Failed') && /^\d{1,3}$/.test(code))
    return { state, exitCode: Number(code), token: plain };
  throw bad;
}

/** A token as one word. */
export function encodeToken(token: string): string {
  return encodeURIComponent(token);
}

function decodeToken(word: string): string | undefined {
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}
