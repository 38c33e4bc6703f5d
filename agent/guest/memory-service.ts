import type { Clock } from '../../controller/kit/clock.ts';
import type { GuestServiceState } from './guest.ts';
import type { MemoryEnd } from './memory-outcomes.ts';

const BACKOFF_LIMIT_MS = 60_000;
/** A process that ran that long begins its backoff anew. */
const STABLE_MS = 60_000;

export interface MemoryDefinition {
  digest: string;
  command: string;
}

/** A service of an in-memory guest: the rules of program/30-units.sh on a clock. */
export class MemoryService {
  readonly name: string;
  wanted: 'Up' | 'Down' = 'Down';
  definition: MemoryDefinition = { digest: '', command: '' };
  #clock: Clock;
  #outcome: (name: string, command: string) => MemoryEnd;
  #changed: () => void;
  #state: GuestServiceState['state'] = 'Stopped';
  #digest = '';
  #pid: number | undefined;
  #exitCode: number | undefined;
  #restarts = 0;
  #since = 0;
  #startedAt = 0;
  #fails = 0;
  #cancel: (() => void) | undefined;
  #nextPid = 100;

  constructor(
    name: string,
    deps: { clock: Clock; outcome: (name: string, command: string) => MemoryEnd; changed: () => void },
  ) {
    this.name = name;
    this.#clock = deps.clock;
    this.#outcome = deps.outcome;
    this.#changed = deps.changed;
  }

  get state(): GuestServiceState {
    return {
      name: this.name,
      wanted: this.wanted,
      state: this.#state,
      digest: this.#digest,
      ...(this.#pid !== undefined && { pid: this.#pid }),
      ...(this.#exitCode !== undefined && { exitCode: this.#exitCode }),
      restarts: this.#restarts,
      since: this.#since,
    };
  }

  up(definition: MemoryDefinition): void {
    const same = this.wanted === 'Up' && this.#digest === definition.digest;
    this.wanted = 'Up';
    this.definition = definition;
    if (same) return;
    this.#fails = 0;
    this.#start();
  }

  down(): void {
    this.wanted = 'Down';
    if (this.#state === 'Stopped') return;
    this.halt();
    this.#become('Stopped');
  }

  restart(): void {
    this.#restarts += 1;
    this.#fails = 0;
    this.#start();
  }

  /** The process dies, as by `kill`. */
  kill(exitCode: number): void {
    if (this.#state === 'Running') this.#ended(exitCode);
  }

  /** Without a trace, as when the instance stops. */
  halt(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pid = undefined;
  }

  #start(): void {
    this.halt();
    this.#digest = this.definition.digest;
    this.#pid = this.#nextPid++;
    this.#startedAt = this.#clock.now();
    this.#become('Running');
    const { afterMs, exitCode = 0 } = this.#outcome(this.name, this.definition.command);
    if (afterMs !== undefined) this.#cancel = this.#clock.after(afterMs, () => this.#ended(exitCode));
  }

  #ended(exitCode: number): void {
    this.halt();
    this.#exitCode = exitCode;
    this.#restarts += 1;
    this.#fails = this.#clock.now() - this.#startedAt >= STABLE_MS ? 1 : this.#fails + 1;
    this.#become('Backoff');
    const delayMs = Math.min(BACKOFF_LIMIT_MS, 1000 * 2 ** (this.#fails - 1));
    this.#cancel = this.#clock.after(delayMs, () => this.#start());
  }

  #become(state: GuestServiceState['state']): void {
    this.#state = state;
    this.#since = Math.floor(this.#clock.now() / 1000);
    this.#changed();
  }
}
