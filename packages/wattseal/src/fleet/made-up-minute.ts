/** What modules might have told of a minute, made up: counters that go on where the log has them, and all else to match. */
import { type Entropy, type Millis, type ModuleUid, millis, milliwattHours } from "@wattseal/base";
import type { EntryBody, LedgerFold } from "@wattseal/energy-ledger";

export const MINUTE = 60_000;
/** mWh that a module takes or gives in a minute, about: 1.2 kW. */
const ABOUT = 19_000;
const SPREAD = 2_000;
const DIGEST_BYTES = 32;
const READINGS = 300;

type Counters = NonNullable<EntryBody<"energy.interval">["start"]>;
const AT_FIRST: Counters = { in: milliwattHours(0), out: milliwattHours(0), boot: 1 };

/** A module's interval from where its record ends, or from `start`: it charges in even minutes and discharges in odd ones. */
export function madeUpInterval(
  fold: Pick<LedgerFold, "moduleEnd">,
  module: ModuleUid,
  start: Millis,
  entropy: Entropy,
): EntryBody<"energy.interval"> {
  const end = fold.moduleEnd(module);
  const before = end?.end ?? AT_FIRST;
  const t0 = end?.t1 ?? start;
  const isCharging = (t0 / MINUTE) % 2 === 0;
  const [high = 0, low = 0] = entropy.bytes(2);
  const energy = ABOUT + ((256 * high + low) % SPREAD);
  const passed = {
    in: milliwattHours(isCharging ? energy : 0),
    out: milliwattHours(isCharging ? 0 : energy),
  };
  return {
    module,
    t0,
    t1: millis(t0 + MINUTE),
    ...passed,
    start: before,
    end: {
      in: milliwattHours(before.in + passed.in),
      out: milliwattHours(before.out + passed.out),
      boot: before.boot,
    },
    integralIn: passed.in,
    integralOut: passed.out,
    voltageLow: 23_000,
    voltageHigh: 23_400,
    currentLow: isCharging ? 32_900 : 32_500,
    currentHigh: isCharging ? 33_000 : 32_600,
    temperatureLow: 8_000,
    temperatureHigh: 8_100,
    socStart: 100,
    socEnd: 100,
    readings: READINGS,
    digest: entropy.bytes(DIGEST_BYTES),
    verdict: "consistent",
  };
}
