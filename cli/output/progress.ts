import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { silentNode } from '../wait/silent-node.ts';
import { printable, styleOf } from './style.ts';

/** In the order in which they come true. */
const STEPS = [
  'Scheduled',
  'ImageReady',
  'ContainerReady',
  'SSHReady',
  'RepositoryReady',
  'ServicesReady',
  'PortsReady',
  'Ready',
] as const;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

export interface Progress {
  update(workspace: Workspace): void;
  /** Leaves the last picture standing. Idempotent. */
  end(): void;
}

/** A live picture on a terminal; elsewhere a line for each condition that changed. */
export function createProgress(context: CommandContext, names: string[]): Progress {
  const { io } = context;
  return styleOf(io.stderr, io.env).isLive ? live(context, names) : plain(context);
}

const silence = (node: string) => `node ${node} is silent, nobody knows how it is`;

interface Step {
  type: string;
  status: string;
  reason: string;
  message: string;
}

function stepsOf(workspace: Workspace): Step[] {
  const conditions = workspace.status?.conditions ?? [];
  const current = conditions.filter(c => (c.observedGeneration ?? 0) >= (workspace.metadata.generation ?? 0));
  return STEPS.flatMap(type => current.filter(c => c.type === type));
}

function plain(context: CommandContext): Progress {
  const told = new Map<string, string>();
  return {
    update(workspace) {
      const { name } = workspace.metadata;
      const node = silentNode(workspace);
      if (node && told.get(name) !== node) context.note(`${name}: ${silence(node)}`);
      told.set(name, node ?? '');
      for (const { type, status, reason, message } of stepsOf(workspace)) {
        const key = `${name}/${type}`;
        const text = `${status} ${reason}${status === 'True' ? '' : `: ${message}`}`;
        if (told.get(key) === text || (status !== 'True' && !message)) continue;
        told.set(key, text);
        context.note(`${name}: ${type} ${text}`);
      }
    },
    end() {},
  };
}

function live(context: CommandContext, names: string[]): Progress {
  const { io, clock } = context;
  const { color } = styleOf(io.stderr, io.env);
  const started = clock.now();
  const latest = new Map<string, Workspace>();
  let drawn = 0;
  let frame = 0;
  let ended = false;
  let cancel = () => {};

  const lineOf = (name: string): string => {
    const workspace = latest.get(name);
    const steps = workspace ? stepsOf(workspace) : [];
    const ready = steps.find(step => step.type === 'Ready');
    const stopped = workspace?.status?.phase === 'Stopped' && workspace.spec.running === false;
    const failed = workspace?.status?.phase === 'Failed';
    const mark =
      ready?.status === 'True' || stopped
        ? color(32, '✓')
        : failed
          ? color(31, '✗')
          : color(36, FRAMES[frame % FRAMES.length] as string);
    const holding = steps.filter(step => step.status !== 'True' && step.type !== 'Ready').at(0);
    const done = steps.filter(step => step.status === 'True' && step.type !== 'Ready').length;
    const what =
      ready?.status === 'True'
        ? 'ready'
        : stopped
          ? 'stopped'
          : holding
            ? `${holding.type} · ${holding.message || holding.reason}`
            : 'waiting for the server';
    const node = workspace && silentNode(workspace);
    const count = `${done}/${STEPS.length - 1} ${((clock.now() - started) / 1000).toFixed(0)}s`;
    const room = (io.stdout.columns ?? 80) - `x ${name}  ${count}  `.length - 1;
    const [first = ''] = (node ? silence(node) : what).split('\n');
    const told = [...printable(first)].slice(0, Math.max(0, room)).join('');
    return `${mark} ${name}  ${color(2, count)}  ${told}`;
  };
  const draw = () => {
    const up = drawn > 0 ? `\u001b[${drawn}A` : '';
    io.stderr.write(`${up}${names.map(name => `\u001b[2K${lineOf(name)}\n`).join('')}`);
    drawn = names.length;
  };
  const tick = () => {
    if (ended) return;
    frame++;
    draw();
    cancel = clock.after(FRAME_MS, tick);
  };
  tick();
  return {
    update(workspace) {
      latest.set(workspace.metadata.name, workspace);
    },
    end() {
      if (ended) return;
      ended = true;
      cancel();
      draw();
    },
  };
}
