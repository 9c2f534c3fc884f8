const SHOWN_AFTER_MS = 1000;
const BAR_WIDTH = 30;

/** Runs `work`; on a terminal, a bar on standard error shows how far it is once it has taken a second. */
export async function withProgress<T>(
  unit: string,
  work: (progress: (done: number, of: number) => void) => Promise<T>,
): Promise<T> {
  const { stderr } = process;
  const started = performance.now();
  let shown = false;
  const result = await work((done, of) => {
    if (!stderr.isTTY || performance.now() - started < SHOWN_AFTER_MS) return;
    shown = true;
    const filled = of === 0 ? BAR_WIDTH : Math.round((BAR_WIDTH * done) / of);
    stderr.write(`\r[${"#".repeat(filled).padEnd(BAR_WIDTH)}] ${done} of ${of} ${unit}`);
  });
  if (shown) stderr.write("\n");
  return result;
}
