import type { GatewayStatus, LegacyStatus, ModuleStatus, ShuntStatus } from "@wattseal/gateway";
import { count, wattHours } from "./units.js";

const STATE_NAMES = ["off", "standby", "precharge", "on"];

/** The pack at one moment, a line each; plain text, at most 100 columns. */
export function renderStatus(
  status: GatewayStatus,
  run: { readonly speed: number; readonly progress: number | undefined },
): readonly string[] {
  const { society } = status;
  const time = new Date(status.time).toISOString().replace("T", " ").slice(0, 19);
  const progress =
    run.progress === undefined ? "" : `   replay ${(100 * run.progress).toFixed(0)} %`;
  return [
    `pack time ${time} UTC   speed ${run.speed.toFixed(0)} x${progress}`,
    "slot  link      state      volts     amps    SOC      energy in     energy out        accepted",
    ...status.modules.map(moduleLine),
    ...status.legacyModules.map(legacyLine),
    ...(status.shunt === undefined ? [] : [shuntLine(status.shunt)]),
    `recorded   in ${wattHours(status.energy.inMwh)}   out ${wattHours(status.energy.outMwh)}`,
    `society    supply ${wattHours(society.supply)}   ATP ${wattHours(society.atp)}   ADP ${wattHours(society.adp)}   withheld ${wattHours(society.withheld)}   unclaimed ${wattHours(society.unclaimed)}`,
    `log        ${count(status.entries)} entries   ${count(status.checkpoints)} checkpoints   ${count(status.witnessed)} witnessed   ${status.connected ? "uplink connected" : "uplink down"}`,
    ...(status.stopped === undefined ? [] : [status.stopped]),
  ];
}

function moduleLine(module: ModuleStatus): string {
  const { telemetry } = module;
  const link = module.linked ? (module.stale ? "stale" : "sealed") : "none";
  const fields =
    telemetry === undefined || module.stale
      ? ["-", "-", "-", "-", "-", "-"]
      : [
          STATE_NAMES[telemetry.status1.state] ?? "?",
          telemetry.status1.voltage.toFixed(1),
          telemetry.status1.current.toFixed(2),
          `${telemetry.status1.soc.toFixed(1)} %`,
          wattHours(telemetry.inMwh),
          wattHours(telemetry.outMwh),
        ];
  const accepted = count(module.counts?.accepted ?? 0);
  return line(String(module.slot), link, fields, accepted);
}

/** Nothing here is authenticated: "clear". It tells no energy, and maybe no state of charge. */
function legacyLine({ slot, registered, reading, stale, readings }: LegacyStatus): string {
  const link = registered ? (stale ? "stale" : "clear") : "none";
  const fields =
    reading === undefined || stale
      ? ["-", "-", "-"]
      : [
          STATE_NAMES[reading.status1.state] ?? "?",
          reading.status1.voltage.toFixed(1),
          reading.status1.current.toFixed(2),
          reading.notTold.includes("soc") ? "-" : `${reading.status1.soc.toFixed(1)} %`,
        ];
  return line(slot === undefined ? "-" : String(slot), link, fields, count(readings));
}

/** In the clear, as a clear-text module. Its last column counts the windows that it was held against. */
function shuntLine({ shown, checks }: ShuntStatus): string {
  const fields =
    shown === undefined
      ? ["-", "-", "-", "-", "-", "-"]
      : [
          "shunt",
          shown.volts.toFixed(1),
          shown.amps.toFixed(2),
          "-",
          wattHours(shown.inMwh),
          wattHours(shown.outMwh),
        ];
  const { entered, suspect } = checks;
  const told = suspect === 0 ? `${count(entered)} checks` : `${count(suspect)} suspect`;
  return line("-", shown === undefined ? "none" : "clear", fields, told);
}

const WIDTHS = [9, 8, 8, 7, 14, 14];

function line(slot: string, link: string, fields: readonly string[], last: string): string {
  const columns = WIDTHS.map((width, i) => (fields[i] ?? "-").padStart(width)).join(" ");
  return `${slot.padStart(4)}  ${link.padEnd(7)}${columns}${last.padStart(15)}`;
}
