import type { ImageProgress } from '../../../driver.ts';

/** A line of the engine's answer to a pull. */
export interface PullLine {
  id?: string;
  status?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
}

/** Unpacking is counted as this part of a layer's work. */
const EXTRACT_SHARE = 0.3;

interface Layer {
  totalBytes: number;
  /** 0 to 1 each. */
  downloaded: number;
  extracted: number;
}

const DOWNLOADED = new Set(['Download complete', 'Verifying Checksum']);
const DONE = new Set(['Pull complete', 'Already exists']);

/** Adds up the layers of one pull. The percentage never falls, though layers make themselves known one by one. */
export class PullProgress {
  readonly #reference: string;
  readonly #layers = new Map<string, Layer>();
  #percent = 0;

  constructor(reference: string) {
    this.#reference = reference;
  }

  add({ id, status = '', progressDetail: detail }: PullLine): void {
    if (!id || !isLayer(id)) return;
    const layer = this.#layers.get(id) ?? { totalBytes: 0, downloaded: 0, extracted: 0 };
    this.#layers.set(id, layer);
    const part = detail?.total ? Math.min(1, (detail.current ?? 0) / detail.total) : undefined;
    if (status === 'Downloading' && part !== undefined) {
      layer.totalBytes = detail?.total ?? 0;
      layer.downloaded = part;
    } else if (status === 'Extracting' && part !== undefined) {
      layer.downloaded = 1;
      layer.extracted = part;
    } else if (DOWNLOADED.has(status)) {
      layer.downloaded = 1;
    } else if (DONE.has(status)) {
      layer.downloaded = 1;
      layer.extracted = 1;
    }
  }

  /** Without a percentage while no size is known (Podman tells none). */
  progress(): ImageProgress {
    const message = `pulling ${this.#reference}`;
    const layers = [...this.#layers.values()].filter(({ totalBytes }) => totalBytes > 0);
    const total = layers.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
    if (total === 0) return { phase: 'pulling', message };
    const done = layers.reduce(
      (sum, { totalBytes, downloaded, extracted }) =>
        sum + totalBytes * (downloaded * (1 - EXTRACT_SHARE) + extracted * EXTRACT_SHARE),
      0,
    );
    // 100 is said when the engine is done with all of it.
    this.#percent = Math.max(this.#percent, Math.min(99, Math.floor((done * 100) / total)));
    return { phase: 'pulling', percent: this.#percent, message };
  }
}

/** Lines about the whole have the tag as id, or none. */
function isLayer(id: string): boolean {
  return /^[0-9a-f]{12}/.test(id);
}
