/** The clear frames of the module bus, one row a frame: the codec, its types and its documentation come from here. */
import { type Fields, type Layout, layout, type ValuesOf } from "./layout.js";
import { MODULE_STATE, MODULE_STATUS, SCALE } from "./scales.js";

const { moduleCurrent, packCurrent, voltage, cellVoltage, temperature, percent } = SCALE;

/** To whom, or from whom, a frame is addressed: bits 0-7 of the identifier. */
export type AddressKind = "module" | "unregistered" | "broadcast";
/** P is the pack controller, M a module, S the pack's shunt. */
export type Direction = "P→M" | "M→P" | "S→P" | "both";

export interface ClearFrameSpec<F extends Fields = Fields> {
  /** Bits 18-28 of the identifier. */
  readonly base: number;
  readonly direction: Direction;
  readonly address: AddressKind;
  /** Data lengths accepted; the first is the one sent unless the peer has a quirk. */
  readonly lengths: readonly number[];
  readonly fields: F;
  readonly layout: Layout<F>;
  /** For people: what it is for. */
  readonly text: string;
  /** Bits 8-17 of the identifier count the segments of one transfer. */
  readonly segmented: boolean;
  /** Milliseconds between two of them, where they come by themselves. */
  readonly cycleMs: number | undefined;
}

function frame<const F extends Fields>(
  base: number,
  direction: Direction,
  address: AddressKind,
  lengths: readonly number[],
  fields: F,
  text: string,
  more: { readonly segmented?: boolean; readonly cycleMs?: number } = {},
): ClearFrameSpec<F> {
  const { segmented = false, cycleMs } = more;
  const wire = layout(Math.max(...lengths), fields);
  return { base, direction, address, lengths, fields, layout: wire, text, segmented, cycleMs };
}

/** Value names for a field that holds one of a table's values. */
function namesOf(table: Readonly<Record<string, number>>): Readonly<Record<number, string>> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [value, name]));
}
const states = namesOf(MODULE_STATE);

const identity = {
  manufacturer: { at: 16, width: 8 },
  part: { at: 24, width: 8 },
  unique: { at: 32, width: 32 },
} as const;
const moduleId = { id: { at: 0, width: 8 } } as const;
const controller = { controller: { at: 0, width: 8 } } as const;
/** One reading of the shunt is three frames of one number. */
const shuntNumber = {
  number: { at: 0, width: 8, note: "Of the reading, one more each time" },
} as const;
const shuntEnergy = {
  ...shuntNumber,
  energy: { at: 16, width: 48, unit: "mWh", note: "Since the shunt was started" },
} as const;
const SHUNT_MS = 100;
const SD_TEXT =
  "SD sector transfer, documented only: 512 bytes = 4 windows of 16 chunks of 8 bytes";
/** Two words each for 0x3F0-0x3F3 and 0x522: their bytes have no fields. */
const opaque = { low: { at: 0, width: 32 }, high: { at: 32, width: 32 } } as const;

export const HARDWARE_FIELDS = {
  maxChargeCurrent: { at: 0, width: 16, scale: moduleCurrent },
  maxDischargeCurrent: { at: 16, width: 16, scale: moduleCurrent },
  endVoltage: { at: 32, width: 16, scale: voltage },
  hwVersion: { at: 48, width: 16 },
} as const;

export const STATUS_1_FIELDS = {
  state: { at: 0, width: 4, names: states },
  status: { at: 4, width: 4, names: namesOf(MODULE_STATUS) },
  soc: { at: 8, width: 8, scale: percent },
  soh: { at: 16, width: 8, scale: percent },
  cells: { at: 24, width: 8 },
  // Header comments in the public sources swap these two; the firmware sends current first.
  current: { at: 32, width: 16, scale: moduleCurrent },
  voltage: { at: 48, width: 16, scale: voltage },
} as const;

export const STATUS_2_FIELDS = {
  cellLow: { at: 0, width: 16, scale: cellVoltage },
  cellHigh: { at: 16, width: 16, scale: cellVoltage },
  cellAverage: { at: 32, width: 16, scale: cellVoltage },
  cellTotal: { at: 48, width: 16, scale: voltage },
} as const;

export const STATUS_3_FIELDS = {
  low: { at: 0, width: 16, scale: temperature },
  high: { at: 16, width: 16, scale: temperature },
  average: { at: 32, width: 16, scale: temperature },
} as const;

export const CELL_DETAIL_FIELDS = {
  cell: { at: 0, width: 8 },
  cells: { at: 8, width: 8 },
  temperature: { at: 16, width: 16, scale: temperature },
  voltage: { at: 32, width: 16, scale: cellVoltage },
  soc: { at: 48, width: 8, scale: percent },
  soh: { at: 56, width: 8, scale: percent },
} as const;

export const CLEAR_FRAMES = {
  sdWindow0: frame(0x3f0, "both", "module", [8], opaque, SD_TEXT, { segmented: true }),
  sdWindow1: frame(0x3f1, "both", "module", [8], opaque, SD_TEXT, { segmented: true }),
  sdWindow2: frame(0x3f2, "both", "module", [8], opaque, SD_TEXT, { segmented: true }),
  sdWindow3: frame(0x3f3, "both", "module", [8], opaque, SD_TEXT, { segmented: true }),
  announce: frame(
    0x500,
    "M→P",
    "unregistered",
    [8],
    { fw: { at: 0, width: 16 }, ...identity },
    "An unregistered module asks to be registered",
  ),
  hardware: frame(0x501, "M→P", "module", [8], HARDWARE_FIELDS, "Limits of the module"),
  status1: frame(0x502, "M→P", "module", [8], STATUS_1_FIELDS, "State, charge, current, voltage"),
  status2: frame(0x503, "M→P", "module", [8], STATUS_2_FIELDS, "Cell voltages"),
  status3: frame(0x504, "M→P", "module", [8], STATUS_3_FIELDS, "Cell temperatures"),
  cellDetail: frame(0x505, "M→P", "module", [8], CELL_DETAIL_FIELDS, "One cell"),
  timeRequest: frame(0x506, "M→P", "module", [8], {}, "Asks for the time; zeros"),
  cellComms: frame(
    0x507,
    "M→P",
    "module",
    [8],
    {
      least: { at: 0, width: 8, names: { 255: "none" }, note: "Fewest messages of a cell" },
      most: { at: 8, width: 8, note: "Most messages of a cell" },
      i2cErrors: { at: 16, width: 16 },
      framing: { at: 32, width: 8, note: "Framing errors" },
      firstI2cFault: { at: 40, width: 8, names: { 255: "none" }, note: "First cell at fault" },
    },
    "How the module hears its cells",
  ),
  register: frame(
    0x510,
    "P→M",
    "unregistered",
    [8],
    { id: { at: 0, width: 8 }, controller: { at: 8, width: 8 }, ...identity },
    "Gives the module with this unique id its module id",
  ),
  hardwareRequest: frame(0x511, "P→M", "module", [1], moduleId, "Asks for Hardware"),
  statusRequest: frame(
    0x512,
    "P→M",
    "module",
    [1],
    moduleId,
    "Asks for Status1, Status2 and Status3; modules insist on a length of 1",
  ),
  stateChange: frame(
    0x514,
    "P→M",
    "module",
    [4, 2],
    {
      id: { at: 0, width: 8 },
      state: { at: 8, width: 4, names: states },
      hvBusVoltage: { at: 16, width: 16, scale: voltage },
    },
    "Orders a state. The public pack firmware sends 4 bytes, the public module firmware takes only 2",
  ),
  detailRequest: frame(
    0x515,
    "P→M",
    "module",
    [3],
    { id: { at: 0, width: 8 }, cell: { at: 8, width: 8 } },
    "Asks for CellDetail; modules insist on a length of 3",
  ),
  setTime: frame(
    0x516,
    "P→M",
    "broadcast",
    [8],
    {
      time: { at: 0, width: 63, unit: "s", note: "Since 1970 UTC" },
      rtcValid: { at: 63, width: 1, names: { 0: "unsure", 1: "valid" } },
    },
    "The time",
  ),
  maxState: frame(
    0x517,
    "P→M",
    "broadcast",
    [1],
    { max: { at: 0, width: 4, names: states } },
    "Heartbeat: the highest state that modules may take",
    { cycleMs: 200 },
  ),
  deregister: frame(
    0x518,
    "P→M",
    "module",
    [2],
    { id: { at: 0, width: 8 }, controller: { at: 8, width: 8 } },
    "Takes the module's id back",
  ),
  announceRequest: frame(
    0x51d,
    "P→M",
    "unregistered",
    [1],
    controller,
    "Asks unregistered modules to announce themselves",
    { cycleMs: 10_000 },
  ),
  allDeregister: frame(0x51e, "P→M", "broadcast", [1], controller, "Takes every id back"),
  allIsolate: frame(0x51f, "P→M", "broadcast", [1], controller, "Every module goes Off at once"),
  frameRequest: frame(
    0x520,
    "P→M",
    "module",
    [4],
    { counter: { at: 0, width: 32, names: { 4294967295: "last" } } },
    "Asks for a log frame",
  ),
  frameStart: frame(
    0x521,
    "M→P",
    "module",
    [8],
    {
      counter: { at: 0, width: 32 },
      segments: { at: 32, width: 16, note: "129: this frame and 128 of data" },
    },
    "A log frame begins",
  ),
  frameData: frame(0x522, "M→P", "module", [8], opaque, "Eight bytes of a log frame", {
    segmented: true,
  }),
  frameEnd: frame(
    0x523,
    "M→P",
    "module",
    [8],
    { crc: { at: 0, width: 32, note: "CRC-32 (IEEE 802.3, reflected) of the 1024 bytes" } },
    "A log frame ends",
  ),
  // Ours, not of deployed packs: above every other base, so that it delays nobody (docs/firmware/shunt.md).
  shuntReading: frame(
    0x640,
    "S→P",
    "broadcast",
    [8],
    {
      ...shuntNumber,
      voltage: { at: 16, width: 16, scale: voltage },
      current: { at: 32, width: 24, scale: packCurrent },
    },
    "What flows between the pack and the outside; positive is charging",
    { cycleMs: SHUNT_MS },
  ),
  shuntIn: frame(0x641, "S→P", "broadcast", [8], shuntEnergy, "Energy taken in by the pack", {
    cycleMs: SHUNT_MS,
  }),
  shuntOut: frame(0x642, "S→P", "broadcast", [8], shuntEnergy, "Energy given out by the pack", {
    cycleMs: SHUNT_MS,
  }),
} as const;

export type ClearFrameName = keyof typeof CLEAR_FRAMES;
type FieldsOf<S> = S extends ClearFrameSpec<infer F> ? F : never;
/** Physical values of a frame's fields, by name. */
export type ClearValues<N extends ClearFrameName> = ValuesOf<FieldsOf<(typeof CLEAR_FRAMES)[N]>>;
