import type { TraceFormat } from "./formats.js";
import type { ErrorRecord, TraceRecord } from "./record.js";

/** What of a record a format has no place for, though it holds the rest. */
export type TraceLoss =
  | "interface name"
  | "direction"
  /** ASC has no frame without one: it is written as received. */
  | "unknown direction"
  | "error details";

/** What a pcap's records are said to come from. */
export const PCAP_CHANNEL = "can0";
/** CAN_ERR_BUSERROR of linux/can/error.h: what a bare ErrorFrame is read as. */
export const BARE_ERROR_CLASSES = 0x80;
/** Channel 1 to 255, as asc2log names them. */
const ASC_CHANNEL = /^can(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])$/;

export function lossesOf(record: TraceRecord, format: TraceFormat): readonly TraceLoss[] {
  if (format === "candump") return [];
  return format === "pcap" ? pcapLosses(record) : ascLosses(record);
}

function pcapLosses({ channel, direction }: TraceRecord): readonly TraceLoss[] {
  const losses: TraceLoss[] = [];
  if (channel !== PCAP_CHANNEL) losses.push("interface name");
  if (direction !== undefined) losses.push("direction");
  return losses;
}

function ascLosses(record: TraceRecord): readonly TraceLoss[] {
  const losses: TraceLoss[] = [];
  if (!ASC_CHANNEL.test(record.channel)) losses.push("interface name");
  if (record.kind === "error") {
    if (record.direction !== undefined) losses.push("direction");
    if (hasDetails(record)) losses.push("error details");
  } else if (record.direction === undefined) losses.push("unknown direction");
  return losses;
}

const hasDetails = ({ classes, data }: ErrorRecord) =>
  classes !== BARE_ERROR_CLASSES || data.some((byte) => byte !== 0);
