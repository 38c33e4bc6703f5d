/**
 * Memory that is given back by hand. What buffers hold lies outside V8's heap, and whenever it has grown by some 32 MiB
 * V8 collects the whole heap, which took most of a stream's processor time.
 */
const lone = new WeakSet<ArrayBufferLike>();

/** Smaller ones are left to V8. */
const WORTH_BYTES = 4096;

/** Says that nobody has the memory of `chunk` but whoever is given it, or a part of it, from now on. */
export function markLone(chunk: Buffer): void {
  const { buffer, length } = chunk;
  // One that shares its memory with others never has the whole of it.
  if (length >= WORTH_BYTES && length === buffer.byteLength) lone.add(buffer);
}

/** Gives the memory back, if it was marked: the chunk is empty from then on. */
export function release(chunk: Buffer): void {
  if (lone.delete(chunk.buffer)) (chunk.buffer as ArrayBuffer).transfer(0);
}
