/** As Promise.all, but rejects only when every one has ended, so that nothing goes on behind whoever waits. */
export async function allDone<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: PromiseLike<T[K]> | T[K] }],
): Promise<T> {
  const results = await Promise.allSettled(promises);
  return results.map(result => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }) as unknown as T;
}
