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
 * @param {() => number | Promise<number>} step does some units of work and says how many
 */
export async function perCpuSecond(step) {
  await round(step);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(step));
  return median(rounds);
}

/** @param {() => number | Promise<number>} step */
async function round(step) {
  let units = 0;
  let seconds = 0;
  while (seconds < ROUND_CPU_SECONDS) {
    seconds += await cpuSeconds(async () => {
      units += await step();
    });
  }
  return units / seconds;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
