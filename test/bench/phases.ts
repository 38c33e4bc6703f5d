import type Docker from 'dockerode';
import { LABEL_NODE } from '../../crds/names.ts';
import { BARE_LABEL } from './bare.ts';
import { median } from './report.ts';

/** Moments between what was asked for and the login. */
export interface Phases {
  /** Something is asked for now; what follows is counted from here. */
  begin(what: string): void;
  /** The first of its name counts. */
  mark(moment: string): void;
  /** What was asked for is there. `counts`: false for a first round, that warms caches. */
  end(counts: boolean): void;
  /** Medians of milliseconds since the beginning. */
  print(): void;
  stop(): void;
}

interface EngineEvent {
  Type: string;
  Action: string;
  timeNano: number;
  Actor?: { Attributes?: Record<string, string> };
}

const TOLD = new Set(['container create', 'container start', 'container destroy', 'network connect']);

/** The engine tells its part by its own clock, which is that of this machine. */
export async function followPhases(docker: Docker, node: string): Promise<Phases> {
  const all = new Map<string, Map<string, number[]>>();
  let now: { what: string; began: number; moments: Map<string, number> } | undefined;
  const mark = (moment: string, at = performance.timeOrigin + performance.now()) => {
    if (now && !now.moments.has(moment)) now.moments.set(moment, at - now.began);
  };
  const onEvent = ({ Type, Action, timeNano, Actor }: EngineEvent) => {
    const labels = Actor?.Attributes ?? {};
    const isOurs = Type === 'network' || labels[LABEL_NODE] === node || labels[BARE_LABEL] !== undefined;
    if (isOurs && TOLD.has(`${Type} ${Action}`)) mark(`${Type} ${Action}`, timeNano / 1e6);
  };
  const events = await docker.getEvents();
  let text = '';
  events.on('data', (chunk: Buffer) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) onEvent(JSON.parse(line) as EngineEvent);
  });
  return {
    begin(what) {
      now = { what, began: performance.timeOrigin + performance.now(), moments: new Map() };
    },
    mark,
    end(counts) {
      if (!now) return;
      mark('login');
      const { what, moments } = now;
      now = undefined;
      if (!counts) return;
      const kept = all.get(what) ?? new Map<string, number[]>();
      all.set(what, kept);
      for (const [moment, ms] of moments) kept.set(moment, [...(kept.get(moment) ?? []), ms]);
    },
    print() {
      for (const [what, moments] of all) {
        const medians = [...moments].map(([moment, values]) => [moment, median(values)] as const);
        const inOrder = medians.sort(([, a], [, b]) => a - b);
        console.log(`${what}: ${inOrder.map(([moment, ms]) => `${moment} ${ms.toFixed(0)}`).join(', ')} ms`);
      }
    },
    stop: () => (events as NodeJS.ReadableStream & { destroy(): void }).destroy(),
  };
}
