import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { corruptError } from './failure.ts';

// Layouts: https://sqlite.org/walformat.html and https://sqlite.org/fileformat2.html#walformat
const MAGIC = 0x377f0682;
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const INDEX_HEADER_BYTES = 48;
const INDEX_VERSION = 3_007_000;

/** What the index beside a write-ahead log last knew of it. */
interface Index {
  /** Frames that are committed. */
  readonly frames: number;
  /** Those of them that are in the database file too. */
  readonly copied: number;
  /** Tells one life of the log from the next. */
  readonly salt: Buffer;
}

/**
 * After a server that did not end properly: SQLite takes of a write-ahead log what is sound and leaves the rest without
 * a word, as what follows was most likely not committed. Its index knows better: it is written after each commit is on
 * disk. Without an index there is nothing to compare with. Throws StoreError Corrupt; changes nothing.
 */
export function checkWriteAheadLog(file: string): void {
  const index = readIndex(`${file}-shm`);
  if (!index || index.copied >= index.frames) return;
  const log = `${file}-wal`;
  const sound = soundFrames(log, index);
  if (sound === undefined) throw corruptError(file, `lacks its write-ahead log, ${log}`);
  if (sound < index.frames)
    throw corruptError(
      file,
      `has a damaged write-ahead log (of ${index.frames} pages in ${log} ${sound} are sound)`,
    );
}

/** undefined where there is none, or none that can be relied on: it is not made to outlive the machine. */
function readIndex(file: string): Index | undefined {
  const bytes = ifThere(() => readFileSync(file));
  if (!bytes || bytes.length < 2 * INDEX_HEADER_BYTES + 4) return undefined;
  const header = bytes.subarray(0, INDEX_HEADER_BYTES);
  const isWhole =
    header.equals(bytes.subarray(INDEX_HEADER_BYTES, 2 * INDEX_HEADER_BYTES)) &&
    header.readUInt32LE(0) === INDEX_VERSION &&
    new Checksum(true).add(header.subarray(0, 40)).isLE(header.subarray(40));
  if (!isWhole) return undefined;
  return {
    frames: header.readUInt32LE(16),
    copied: bytes.readUInt32LE(2 * INDEX_HEADER_BYTES),
    salt: header.subarray(32, 40),
  };
}

/** Of the frames that the index knows. All of them when the log has begun another life; undefined when there is none. */
function soundFrames(file: string, { frames, salt }: Index): number | undefined {
  const fd = ifThere(() => openSync(file, 'r'));
  if (fd === undefined) return undefined;
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const isRead = readSync(fd, header) === HEADER_BYTES;
    const magic = header.readUInt32BE(0);
    const checksum = new Checksum((magic & 1) === 0).add(header.subarray(0, 24));
    if (!isRead || (magic & ~1) !== MAGIC || !checksum.isBE(header.subarray(24))) return 0;
    if (!header.subarray(16, 24).equals(salt)) return frames;
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + header.readUInt32BE(8));
    for (let sound = 0; sound < frames; sound++) {
      if (readSync(fd, frame) < frame.length || !frame.subarray(8, 16).equals(salt)) return sound;
      checksum.add(frame.subarray(0, 8)).add(frame.subarray(FRAME_HEADER_BYTES));
      if (!checksum.isBE(frame.subarray(16, 24))) return sound;
    }
    return frames;
  } finally {
    closeSync(fd);
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** SQLite's, over words of one byte order. It goes on from frame to frame. */
class Checksum {
  readonly #littleEndian: boolean;
  #a = 0;
  #b = 0;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  add(bytes: Buffer): this {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let [a, b] = [this.#a, this.#b];
    for (let i = 0; i < bytes.length; i += 8) {
      a = (a + view.getUint32(i, this.#littleEndian) + b) >>> 0;
      b = (b + view.getUint32(i + 4, this.#littleEndian) + a) >>> 0;
    }
    [this.#a, this.#b] = [a, b];
    return this;
  }

  isLE(stored: Buffer): boolean {
    return stored.readUInt32LE(0) === this.#a && stored.readUInt32LE(4) === this.#b;
  }

  isBE(stored: Buffer): boolean {
    return stored.readUInt32BE(0) === this.#a && stored.readUInt32BE(4) === this.#b;
  }
}
