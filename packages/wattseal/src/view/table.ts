import type { StatusReply } from "../control/status-reply.js";
import { count, utc, wattHours } from "./units.js";

/** The pack at one moment, a line each; plain text, at most 100 columns. `run` only where it is simulated here. */
export function renderStatus(
  status: StatusReply,
  run?: { readonly speed: number; readonly progress: number | undefined },
): readonly string[] {
  const { society, energy, log, waste } = status;
  return [
    `pack time ${utc(status.time)} UTC${clockOf(status)}${run === undefined ? "" : pace(run)}`,
    "slot  link      state      volts     amps    SOC      energy in     energy out        accepted",
    ...status.modules.map(moduleLine),
    ...status.legacyModules.map(legacyLine),
    ...(status.shunt === undefined ? [] : [shuntLine(status.shunt)]),
    `recorded   in ${wattHours(energy.inMwh)}   out ${wattHours(energy.outMwh)}`,
    `society    supply ${wattHours(society.supply)}   ATP ${wattHours(society.atp)}   ADP ${wattHours(society.adp)}   withheld ${wattHours(society.withheld)}   unclaimed ${wattHours(society.unclaimed)}`,
    ...(waste.last === undefined
      ? []
      : [
          `WASTE      ${waste.alerts} alerts, the last of ${wattHours(waste.last.mwh)} in entry ${waste.last.entry}`,
        ]),
    `log        ${count(log.entries)} entries   ${count(log.checkpoints)} checkpoints   ${count(log.witnessed)} witnessed   ${status.uplink.connected ? "uplink connected" : "uplink down"}`,
    ...(log.unsigned === undefined
      ? []
      : [`UNSIGNED   since ${utc(log.unsigned.since)} UTC: ${log.unsigned.reason}`]),
    ...storageLines(status),
    ...signerLines(status),
    ...(status.isolated ? ["ISOLATED   every relay is ordered open until: wattseal allow"] : []),
    ...(log.stopped === undefined ? [] : [log.stopped]),
  ];
}

function pace({ speed, progress }: { speed: number; progress: number | undefined }): string {
  const replay = progress === undefined ? "" : `   replay ${(100 * progress).toFixed(0)} %`;
  return `   speed ${speed.toFixed(0)} x${replay}`;
}

/** Nothing while there is room. */
function storageLines({ storage, resolution }: StatusReply): string[] {
  if (storage === undefined || storage.level === "room") return [];
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { free, reserve } = storage;
  const intervals = resolution === 1 ? "each minute" : `every ${resolution} minutes`;
  return [`STORAGE    ${mib(free)} free, ${mib(reserve)} to be left: intervals ${intervals}`];
}

/** What signs, and what it will not do. */
function signerLines({ signer }: StatusReply): string[] {
  const { tpm, binding, epoch, halves, away } = signer;
  const where = tpm === "none" ? "key file" : `TPM (${tpm})`;
  const begun = epoch === undefined ? "no epoch yet" : `epoch ${epoch.epoch} ${epoch.state}`;
  const refused = halves.filter(({ state }) => state === "refused");
  return [
    `signer     ${begun}   bound to ${binding}   ${where}`,
    ...refused.map(({ reference, reason }) => `REFUSED    device half ${reference}: ${reason}`),
    ...(away === undefined ? [] : [`HALF AWAY  ${away}`]),
  ];
}

/** What is wrong with UTC. */
function clockOf({ clock }: StatusReply): string {
  if (clock.heldUntil !== undefined) return " (standing still: the clock was set back)";
  return clock.synchronised ? "" : " (not synchronised)";
}

function moduleLine(module: StatusReply["modules"][number]): string {
  const { reading } = module;
  const link = module.linked ? (module.stale ? "stale" : "sealed") : "none";
  const fields =
    reading === undefined || module.stale
      ? ["-", "-", "-", "-", "-", "-"]
      : [
          reading.state,
          reading.volts.toFixed(1),
          reading.amps.toFixed(2),
          `${reading.socPercent.toFixed(1)} %`,
          wattHours(reading.inMwh),
          wattHours(reading.outMwh),
        ];
  return line(String(module.slot), link, fields, count(module.accepted));
}

/** Nothing here is authenticated: "clear". It tells no energy, and maybe no state of charge. */
function legacyLine(module: StatusReply["legacyModules"][number]): string {
  const { slot, registered, reading, stale, readings } = module;
  const link = registered ? (stale ? "stale" : "clear") : "none";
  const soc = reading?.socPercent;
  const fields =
    reading === undefined || stale
      ? ["-", "-", "-"]
      : [
          reading.state,
          reading.volts.toFixed(1),
          reading.amps.toFixed(2),
          soc === undefined ? "-" : `${soc.toFixed(1)} %`,
        ];
  return line(slot === undefined ? "-" : String(slot), link, fields, count(readings));
}

/** In the clear, as a clear-text module. Its last column counts the windows that it was held against. */
function shuntLine({ reading, checks }: NonNullable<StatusReply["shunt"]>): string {
  const fields =
    reading === undefined
      ? ["-", "-", "-", "-", "-", "-"]
      : [
          "shunt",
          reading.volts.toFixed(1),
          reading.amps.toFixed(2),
          "-",
          wattHours(reading.inMwh),
          wattHours(reading.outMwh),
        ];
  const { entered, suspect } = checks;
  const told = suspect === 0 ? `${count(entered)} checks` : `${count(suspect)} suspect`;
  return line("-", reading === undefined ? "none" : "clear", fields, told);
}

const WIDTHS = [9, 8, 8, 7, 14, 14];

function line(slot: string, link: string, fields: readonly string[], last: string): string {
  const columns = WIDTHS.map((width, i) => (fields[i] ?? "-").padStart(width)).join(" ");
  return `${slot.padStart(4)}  ${link.padEnd(7)}${columns}${last.padStart(15)}`;
}
