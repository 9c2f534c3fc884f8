import type { Telemetry } from "@wattseal/can-protocol";

/** What is impossible in a reading, by itself or after the one before. */
export function faultOf(reading: Telemetry, before: Telemetry | undefined): string | undefined {
  const { status1, status2, status3 } = reading;
  if (status1.state > 3) return `state ${status1.state}`;
  if (status1.status > 3) return `status ${status1.status}`;
  if (status1.soc > 100 || status1.soh > 100)
    return `${status1.soc} % charge, ${status1.soh} % health`;
  if (status2.cellLow > status2.cellHigh)
    return `lowest cell ${status2.cellLow} V above the highest`;
  if (status3.low > status3.high) return `lowest temperature ${status3.low} above the highest`;
  if (before === undefined || before.boot !== reading.boot) return undefined;
  const mod = 2 ** 48;
  const wentBack = (now: number, then: number) => (now - then + mod) % mod > mod / 2;
  if (wentBack(reading.inMwh, before.inMwh)) return `energy in fell to ${reading.inMwh}`;
  if (wentBack(reading.outMwh, before.outMwh)) return `energy out fell to ${reading.outMwh}`;
  const ahead = (reading.tick - before.tick + 2 ** 32) % 2 ** 32;
  return ahead > 2 ** 31 ? `tick fell from ${before.tick} to ${reading.tick}` : undefined;
}
