import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import type { Clock } from '../controller/kit/clock.ts';
import { jsonEqual } from '../controller/kit/json.ts';
import type { Logger } from '../controller/kit/log.ts';
import type { WaitingEvent } from '../controller/runtime/event-recorder.ts';
import type { Placement, PlacementStatus } from '../crds/types.generated.ts';

export interface CheckpointData {
  version: 1;
  /** uid of the Node: tells one installation from another. */
  server?: string;
  /** Last desired state without secret values, and the status that was told last, or would have been. */
  placements: Record<string, Placement>;
  /** By `placement/workspace uid`: the restart mark that was carried out. */
  restartMarks: Record<string, string>;
  /** Volumes that no placement asks for and that are kept all the same. */
  keptVolumes: string[];
  /** By `placement/workspace uid` of what moved away: until when its volume is kept, in RFC 3339. */
  movedVolumes?: Record<string, string>;
  /** By driver and name: since when nobody uses an image, in RFC 3339. */
  unusedImages?: Record<string, string>;
  /** What the server has yet to be told. */
  events?: WaitingEvent[];
}

/** What an agent remembers over its restarts, so that a node goes on healing while the server is away. */
export interface Checkpoint {
  readonly data: Readonly<CheckpointData>;
  remember(placement: Placement, status: PlacementStatus): void;
  /** The placement and its mark. */
  forget(name: string): Promise<void>;
  restartMark(name: string, workspaceUid: string): string | undefined;
  /** Resolves when it is on disk. */
  setRestartMark(name: string, workspaceUid: string, mark: string): Promise<void>;
  keepVolume(name: string): Promise<void>;
  /** Until when the volume of what moved away is kept; undefined: it did not, or its time is unknown. */
  movedUntil(name: string, workspaceUid: string): string | undefined;
  /** Sets it, or forgets it. */
  setMovedUntil(name: string, workspaceUid: string, until: string | undefined): Promise<void>;
  setServer(uid: string): Promise<void>;
  /** All of them. Resolves when it is on disk. */
  setUnusedImages(since: Record<string, string>): Promise<void>;
  keepEvents(waiting: WaitingEvent[]): void;
  flush(): Promise<void>;
}

export interface CheckpointOptions {
  /** Absent: memory alone. */
  path?: string;
  clock: Clock;
  log: Logger;
}

/** Placements are written this long after they changed, all at once. */
const DELAY_MS = 500;
const MAX_KEPT = 10_000;

const empty = (): CheckpointData => ({ version: 1, placements: {}, restartMarks: {}, keptVolumes: [] });

/** A file that cannot be read is moved aside: what it held is in the API, or is asked for again. */
export async function openCheckpoint({ path, clock, log }: CheckpointOptions): Promise<Checkpoint> {
  const adapter = path === undefined ? memoryAdapter() : fileAdapter(path);
  const low = new Low<CheckpointData>(adapter, empty());
  try {
    await low.read();
    if (!isCheckpoint(low.data)) throw new Error('it is no checkpoint of this version');
  } catch (error) {
    log.warn({ err: error, path }, 'the checkpoint is unreadable and is moved aside');
    if (path !== undefined) await rename(path, `${path}.bad`).catch(() => {});
    low.data = empty();
  }
  let cancel: (() => void) | undefined;
  let tail: Promise<void> = Promise.resolve();
  const write = (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    tail = tail.catch(() => {}).then(() => low.write());
    return tail;
  };
  const writeSoon = () => {
    cancel ??= clock.after(DELAY_MS, () => {
      write().catch(error => log.warn({ err: error, path }, 'the checkpoint was not written'));
    });
  };
  const markKey = (name: string, uid: string) => `${name}/${uid}`;

  return {
    get data() {
      return low.data;
    },
    remember(placement, status) {
      const { managedFields: _, resourceVersion: __, ...metadata } = placement.metadata;
      const kept: Placement = { ...placement, metadata, status };
      if (jsonEqual(low.data.placements[metadata.name], kept)) return;
      low.data.placements[metadata.name] = kept;
      writeSoon();
    },
    async forget(name) {
      const marks = Object.keys(low.data.restartMarks).filter(key => key.startsWith(`${name}/`));
      if (!low.data.placements[name] && marks.length === 0) return;
      delete low.data.placements[name];
      for (const key of marks) delete low.data.restartMarks[key];
      writeSoon();
    },
    restartMark: (name, uid) => low.data.restartMarks[markKey(name, uid)],
    async setRestartMark(name, uid, mark) {
      if (low.data.restartMarks[markKey(name, uid)] === mark) return;
      low.data.restartMarks[markKey(name, uid)] = mark;
      await write();
    },
    async keepVolume(name) {
      if (low.data.keptVolumes.includes(name)) return;
      low.data.keptVolumes = [...low.data.keptVolumes, name].slice(-MAX_KEPT);
      await write();
    },
    movedUntil: (name, uid) => low.data.movedVolumes?.[markKey(name, uid)],
    async setMovedUntil(name, uid, until) {
      const key = markKey(name, uid);
      const { [key]: before, ...others } = low.data.movedVolumes ?? {};
      if (before === until) return;
      const all = Object.entries(until === undefined ? others : { ...others, [key]: until });
      low.data.movedVolumes = Object.fromEntries(all.slice(-MAX_KEPT));
      await write();
    },
    async setServer(uid) {
      if (low.data.server === uid) return;
      low.data.server = uid;
      await write();
    },
    async setUnusedImages(since) {
      if (jsonEqual(low.data.unusedImages ?? {}, since)) return;
      low.data.unusedImages = since;
      await write();
    },
    keepEvents(waiting) {
      low.data.events = waiting;
      writeSoon();
    },
    async flush() {
      if (cancel) await write();
      await tail;
    },
  };
}

function isCheckpoint(data: unknown): data is CheckpointData {
  const { version, placements, restartMarks, keptVolumes } = (data ?? {}) as Partial<CheckpointData>;
  return (
    version === 1 &&
    typeof placements === 'object' &&
    typeof restartMarks === 'object' &&
    Array.isArray(keptVolumes)
  );
}

/** Written beside, synced and renamed: a crash leaves the old one or the new one. 0600. */
function fileAdapter(path: string): Adapter<CheckpointData> {
  return {
    async read() {
      try {
        const text = await readFile(path, 'utf8');
        await chmod(path, 0o600);
        return JSON.parse(text) as CheckpointData;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    async write(data) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.new`;
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.chmod(0o600);
        await file.writeFile(`${JSON.stringify(data, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    },
  };
}

function memoryAdapter(): Adapter<CheckpointData> {
  return { read: async () => null, write: async () => {} };
}
