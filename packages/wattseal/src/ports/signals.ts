/** A terminal's Ctrl-C may arrive twice at once: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 1000;

/** Calls `stop` at the first SIGINT or SIGTERM; a later one ends the process at once. */
export function onStopSignal(stop: () => void): void {
  let first: number | undefined;
  const receive = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      stop();
    } else if (now - first > SAME_SIGNAL_MS) {
      process.exit(130);
    }
  };
  process.on("SIGINT", receive).on("SIGTERM", receive);
}
