import { MAX_ENERGY } from "@wattseal/energy-ledger";
import { InvalidArgumentError } from "commander";

/** Decimals that leave whole mWh. */
const DECIMALS: Readonly<Record<string, number>> = { mWh: 0, Wh: 3, kWh: 6, MWh: 9 };

/** `250mWh`, `500Wh`, `1.5kWh` in mWh, exactly. */
export function parseEnergy(text: string): number {
  const [, whole = "", fraction = "", unit = ""] = /^(\d+)(?:\.(\d+))?([mkM]?Wh)$/.exec(text) ?? [];
  const decimals = DECIMALS[unit] ?? -1;
  const mwh = Number(whole + fraction.padEnd(decimals, "0"));
  if (fraction.length > decimals || !(mwh >= 1 && mwh <= MAX_ENERGY)) {
    throw new InvalidArgumentError(
      "Use an energy such as 500Wh, 1.5kWh or 250mWh, of whole mWh and above 0.",
    );
  }
  return mwh;
}

/** `95`, `99.5%` in hundredths of a per cent. */
export function parsePercent(text: string): number {
  const [, whole = "", fraction = ""] = /^(\d{1,3})(?:\.(\d{1,2}))?%?$/.exec(text) ?? [];
  const bps = Number(whole + fraction.padEnd(2, "0"));
  if (whole === "" || bps > 10_000) {
    throw new InvalidArgumentError("Use per cent from 0 to 100, such as 95 or 99.5.");
  }
  return bps;
}

/** Index of an entry. */
export function parseEntry(text: string): number {
  const index = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(index)) return index;
  throw new InvalidArgumentError("Use the index of an entry, as wattseal ledger list shows it.");
}

/** SHA-256 in hexadecimal. */
export function parseHash(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError("Use 64 lower-case hexadecimal digits, as sha256sum prints them.");
}
