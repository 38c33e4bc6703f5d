import type { Clock } from '../../controller/kit/clock.ts';
import { type Driver, DriverError } from '../driver.ts';
import type { MemoryEngine, MemoryInstance } from '../drivers/memory/memory-engine.ts';
import type { Guest, GuestConfig, GuestDesired, GuestState } from './guest.ts';
import { MemoryInside } from './memory-inside.ts';
import { defaultOutcomes, type MemoryOutcomes } from './memory-outcomes.ts';
import { GUEST_PROGRAM_PATH, GUEST_SHELL_PATH, GUEST_VERSION } from './program.ts';
import { renderGuest } from './render.ts';

export interface MemoryGuestOptions {
  driver: Driver & { readonly engine: MemoryEngine };
  clock: Clock;
  /** How simulated processes end, over the defaults. May be changed at any time. */
  outcomes?: Partial<MemoryOutcomes>;
  /** Defaults to that of the real program. */
  version?: string;
}

/** The guest in memory, with a hand for tests to break things. */
export interface MemoryGuest extends Guest {
  /** What runs in an instance now. Throws NotRunning. */
  inside(id: string): MemoryInside;
  /** A service's process dies. */
  killService(id: string, name: string, exitCode?: number): void;
  /** sshd dies and is back at once, counted. */
  killSshd(id: string): void;
  /** The supervisor dies and is back at once, counted; services go on. */
  killSupervisor(id: string): void;
  /** A managed file is edited by hand; without content it is removed. */
  edit(id: string, path: string, content?: string): void;
}

/** Insides belong to the engine: they outlive the guest that started them, as the real ones outlive the agent. */
const insides = new WeakMap<MemoryEngine, Map<string, MemoryInside>>();

export function createMemoryGuest(options: MemoryGuestOptions): MemoryGuest {
  const { driver, clock, version = GUEST_VERSION } = options;
  const { engine } = driver;
  const outcomes = (): MemoryOutcomes => ({ ...defaultOutcomes, ...options.outcomes });
  const known = insidesOf(engine);

  const running = (id: string): MemoryInstance => {
    const instance = engine.instances.get(id);
    if (!instance) throw new DriverError('NotFound', `no instance ${id}`);
    if (instance.state !== 'Running')
      throw new DriverError('NotRunning', `${instance.spec.name} does not run`);
    return instance;
  };
  const inside = (id: string): MemoryInside => {
    const instance = running(id);
    const there = known.get(id);
    if (there?.bootId === instance.bootId) return there;
    const made = new MemoryInside(instance, { engine, clock, version });
    known.set(id, made);
    return made;
  };
  const enter = async (id: string, signal?: AbortSignal): Promise<MemoryInside> => {
    const { delayMs, error } = engine.count('exec');
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    signal?.throwIfAborted();
    if (error) throw error;
    return inside(id);
  };
  const enterConfigured = async (id: string): Promise<MemoryInside> => {
    const found = await enter(id);
    if (!found.configured) throw new DriverError('Internal', `${id} is not configured`);
    return found;
  };

  return {
    render: renderMemory,
    inside,

    async state(id, signal) {
      return (await enter(id, signal)).state();
    },

    watch: (id, signal) => watchInside(() => enter(id, signal), signal),

    async configure(id, config, fenceMs) {
      const found = await enter(id);
      if (fenceMs !== undefined) found.fence(fenceMs);
      const differ = [...config.boot, ...config.runtime, ...config.keys].filter(
        file => engine.readFile(running(id), file.path)?.content.toString() !== file.content.toString(),
      );
      engine.writeFiles(running(id), differ);
      found.configured = true;
      found.version = version;
      found.sshd.running = true;
      found.supervisor.running = true;
      found.changed();
    },

    async fence(id, fenceMs) {
      (await enter(id)).fence(fenceMs);
    },

    async serviceUp(id, name, { files, digest }) {
      const found = await enterConfigured(id);
      const command = commandOf(files.map(file => file.content.toString()).join(''));
      found.service(name, outcomes()).up({ digest, command });
    },
    async serviceDown(id, name) {
      (await enter(id)).services.get(name)?.down();
    },
    async serviceRestart(id, name) {
      const service = (await enter(id)).services.get(name);
      if (service?.wanted !== 'Up') throw new DriverError('Internal', `the service ${name} is not up`);
      service.restart();
    },
    async serviceRemove(id, name) {
      const found = await enter(id);
      found.services.get(name)?.halt();
      if (found.services.delete(name)) found.changed();
    },

    async clone(id, request) {
      const found = await enterConfigured(id);
      const job = found.jobs.clone;
      if (job?.token === request.token && job.state !== 'Failed') return;
      found.clone(request, outcomes().clone(request));
    },

    async runHook(id, hook, command, token) {
      const found = await enterConfigured(id);
      if (found.jobs[hook]?.token !== token) found.job(hook, token, outcomes().hook(hook, command));
    },

    async check(id, { command = [] }, timeoutMs) {
      await enterConfigured(id);
      const { afterMs = Number.POSITIVE_INFINITY, exitCode = 0, output } = outcomes().check(command);
      if (afterMs > 0) await clock.sleep(Math.min(afterMs, timeoutMs));
      if (afterMs > timeoutMs)
        return { ok: false, message: `did not end within ${Math.ceil(timeoutMs / 1000)} s` };
      if (exitCode === 0) return { ok: true, message: '' };
      return { ok: false, message: `exit code ${exitCode}${output ? `: ${output}` : ''}` };
    },

    killService: (id, name, exitCode = 137) => inside(id).services.get(name)?.kill(exitCode),
    killSshd(id) {
      inside(id).sshd.restarts += 1;
      inside(id).changed();
    },
    killSupervisor(id) {
      inside(id).supervisor.restarts += 1;
      inside(id).changed();
    },
    edit(id, path, content) {
      const instance = running(id);
      if (content === undefined) engine.filesAt(instance, path).delete(path);
      else engine.writeFiles(instance, [{ path, content, mode: 0o644 }]);
      inside(id).changed();
    },
  };
}

function insidesOf(engine: MemoryEngine): Map<string, MemoryInside> {
  const there = insides.get(engine);
  if (there) return there;
  const made = new Map<string, MemoryInside>();
  insides.set(engine, made);
  engine.onChange((instance, type) => {
    if (type !== 'died' && type !== 'removed') return;
    made.get(instance.id)?.halt();
    made.delete(instance.id);
  });
  return made;
}

/** As the real one, but for the program, which nothing runs: thousands of instances would each hold a copy. */
function renderMemory(desired: GuestDesired): GuestConfig {
  const config = renderGuest(desired);
  const program = new Set([GUEST_PROGRAM_PATH, GUEST_SHELL_PATH]);
  return {
    ...config,
    boot: config.boot.map(file =>
      program.has(file.path) ? { ...file, content: `${GUEST_VERSION}\n` } : file,
    ),
  };
}

/** Reads back what render wrote. */
function commandOf(definition: string): string {
  const quoted = definition
    .slice(definition.lastIndexOf('\nnexus_command=') + '\nnexus_command='.length)
    .trimEnd();
  return quoted.slice(1, -1).replaceAll(`'\\''`, "'");
}

/** The latest state after each change; changes that nobody read yet are one. */
async function* watchInside(
  enter: () => Promise<MemoryInside>,
  signal: AbortSignal,
): AsyncGenerator<GuestState, void, undefined> {
  if (signal.aborted) return;
  const found = await enter();
  let wake: (() => void) | undefined;
  let changed = true;
  const listener = () => {
    changed = true;
    wake?.();
  };
  const stop = found.onChange(listener);
  signal.addEventListener('abort', listener, { once: true });
  let last = '';
  try {
    while (!signal.aborted && !found.ended) {
      if (!changed) {
        await new Promise<void>(resolve => {
          wake = resolve;
        });
        continue;
      }
      changed = false;
      const state = found.state();
      const text = JSON.stringify(state);
      if (text !== last) yield state;
      last = text;
    }
  } finally {
    stop();
    signal.removeEventListener('abort', listener);
  }
}
