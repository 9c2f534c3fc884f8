const ROUNDS = 5;
const ROUND_CPU_SECONDS = 0.3;

/**
 * CPU-seconds (user + system, all threads of this process) that `task` took.
 *
 * @param {() => unknown} task
 */
async function cpuSeconds(task) {
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/**
 * How many units of work a CPU-second holds: the median of several rounds after one to warm up.
 *
 * @template T
 * @param {(input: T) => number | Promise<number>} step does some units of work and says how many
 * @param {() => T} [prepare] makes what the next step works on; not counted
 */
export async function perCpuSecond(step, prepare) {
  await round(step, prepare);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(step, prepare));
  return median(rounds);
}

/**
 * @template T
 * @param {(input: T) => number | Promise<number>} step
 * @param {(() => T) | undefined} prepare
 */
async function round(step, prepare) {
  let units = 0;
  let seconds = 0;
  while (seconds < ROUND_CPU_SECONDS) {
    const input = /** @type {T} */ (prepare?.());
    seconds += await cpuSeconds(async () => {
      units += await step(input);
    });
  }
  return units / seconds;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
