import { inspect } from 'node:util';
import type Docker from 'dockerode';
import type { Clock, Milliseconds } from '../../../controller/kit/clock.ts';
import { DriverError } from '../../driver.ts';

const READ_MS = 60_000;
/** A commit of a large image on a slow disk. */
const CHANGE_MS = 600_000;
/** For those that end with a container: their callers have bounds of their own. */
const WAIT_MS = 3_600_000;

interface Call {
  path: string;
  method: string;
  abortSignal?: AbortSignal;
}
type Answered = (error: unknown, data?: unknown) => void;

/** No call of this client goes on for ever: one whose answer, or whose stream, does not come in time is ended. */
export function boundCalls(docker: Docker, clock: Clock): void {
  const modem = docker.modem as { dial: (call: Call, answered: Answered) => void };
  const dial = modem.dial.bind(modem);
  modem.dial = (call, answered) => {
    const limit = new AbortController();
    const ms = timeOf(call);
    let isOver = false;
    const end: Answered = (error, data) => {
      if (isOver) return;
      isOver = true;
      cancel();
      answered(error, data);
    };
    const cancel = clock.after(ms, () => {
      const what = `${call.method} ${call.path.split('?')[0]}`;
      end(
        new DriverError(
          'EngineUnavailable',
          `the engine took a call (${what}) and gave no answer in ${ms / 1000} s`,
        ),
      );
      limit.abort();
    });
    const abortSignal = call.abortSignal ? AbortSignal.any([call.abortSignal, limit.signal]) : limit.signal;
    // As of the agent: see address.ts.
    Object.assign(abortSignal, { [inspect.custom]: () => 'AbortSignal' });
    dial({ ...call, abortSignal }, end);
  };
}

function timeOf({ method, path }: Call): Milliseconds {
  if (/\/(wait|stop)\?/.test(path)) return WAIT_MS;
  return method === 'GET' ? READ_MS : CHANGE_MS;
}
