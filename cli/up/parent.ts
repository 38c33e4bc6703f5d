/** The other end of keepRunning: what a process says to and hears from the `nexus up` that started it. */

/** Tells the parent that this process serves. Without a parent: nothing. */
export function tellParentReady(): void {
  process.send?.('ready');
}

/** Calls `stop` when the parent is gone, however it ended. Does not keep the process alive. */
export function onParentGone(stop: () => void): void {
  if (!process.send) return;
  process.once('disconnect', stop);
  process.channel?.unref();
}
