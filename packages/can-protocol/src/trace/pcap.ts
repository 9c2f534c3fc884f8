/**
 * pcap files of link type LINKTYPE_CAN_SOCKETCAN, as tcpdump, Wireshark and tshark read them:
 * https://www.tcpdump.org/linktypes/LINKTYPE_CAN_SOCKETCAN.html, draft-ietf-opsawg-pcap.
 *
 * A packet is a can_frame or canfd_frame of linux/can.h, but with its identifier big-endian:
 * identifier and flags u32, length u8, FD flags u8, reserved u8, raw data length code u8, data padded to 8 or 64.
 * pcap has no place for the name of an interface, nor for a direction.
 */
import { DecodeError, viewOf } from "@wattseal/base";
import { TraceProblems, type TraceReader, type TraceWriter } from "./codec.js";
import {
  CLASSIC_LENGTH,
  FD_FLAG,
  fdDlcOf,
  LARGEST_EXTENDED_ID,
  LARGEST_STANDARD_ID,
  type TraceRecord,
} from "./record.js";
import { traceTime } from "./text.js";

const WHAT = "pcap";
const MAGIC_MICROS = 0xa1_b2_c3_d4;
const MAGIC_NANOS = 0xa1_b2_3c_4d;
const MAGIC_PCAPNG = 0x0a_0d_0d_0a;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const LINKTYPE_CAN_SOCKETCAN = 227;
/** The upper bits of this header field are about frame check sequences. */
const LINKTYPE_MASK = 0x03_ff_ff_ff;

const CAN_EFF_FLAG = 0x80_00_00_00;
const CAN_RTR_FLAG = 0x40_00_00_00;
const CAN_ERR_FLAG = 0x20_00_00_00;
const LENGTH_AT = 4;
const FLAGS_AT = 5;
const RAW_DLC_AT = 7;
const DATA_AT = 8;
const CLASSIC_PACKET = DATA_AT + CLASSIC_LENGTH;
const FD_PACKET = DATA_AT + 64;
/** Longer is no CAN frame: the file is damaged, and where the next packet begins is anyone's guess. */
const LONGEST_PACKET = 4096;

export class PcapWriter implements TraceWriter {
  begin(): Uint8Array {
    const view = new DataView(new ArrayBuffer(FILE_HEADER));
    view.setUint32(0, MAGIC_MICROS, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, FD_PACKET, true);
    view.setUint32(20, LINKTYPE_CAN_SOCKETCAN, true);
    return new Uint8Array(view.buffer);
  }

  encode(record: TraceRecord): Uint8Array {
    // A reader without CANFD_FDF tells FD frames by their padded length.
    const length = record.kind === "fd" ? FD_PACKET : CLASSIC_PACKET;
    const bytes = new Uint8Array(PACKET_HEADER + length);
    const view = viewOf(bytes);
    view.setUint32(0, Math.floor(record.time / 1_000_000), true);
    view.setUint32(4, record.time % 1_000_000, true);
    view.setUint32(8, length, true);
    view.setUint32(12, length, true);
    view.setUint32(PACKET_HEADER, canId(record), false);
    encodeContent(record, bytes.subarray(PACKET_HEADER));
    return bytes;
  }
}

function canId(record: TraceRecord): number {
  if (record.kind === "error") return CAN_ERR_FLAG + record.classes;
  const flags =
    (record.extended ? CAN_EFF_FLAG : 0) + (record.kind === "remote" ? CAN_RTR_FLAG : 0);
  return flags + record.id;
}

function encodeContent(record: TraceRecord, packet: Uint8Array): void {
  if (record.kind === "classic" || record.kind === "remote") {
    packet[LENGTH_AT] = Math.min(record.dlc, CLASSIC_LENGTH);
    packet[RAW_DLC_AT] = record.dlc > CLASSIC_LENGTH ? record.dlc : 0;
  } else {
    packet[LENGTH_AT] = record.data.length;
    packet[FLAGS_AT] = record.kind === "fd" ? record.flags | FD_FLAG.fdf : 0;
  }
  if (record.kind !== "remote") packet.set(record.data, DATA_AT);
}

interface FileHeader {
  readonly littleEndian: boolean;
  /** How many of the fraction's units make a microsecond. */
  readonly perMicro: number;
}

/** Throws DecodeError. */
function decodeFileHeader(bytes: Uint8Array): FileHeader {
  const view = viewOf(bytes);
  const littleEndian = [MAGIC_MICROS, MAGIC_NANOS].includes(view.getUint32(0, true));
  const magic = view.getUint32(0, littleEndian);
  if (magic === MAGIC_PCAPNG) {
    throw new DecodeError(WHAT, 0, "is pcapng; editcap -F pcap makes a pcap file of it");
  }
  if (magic !== MAGIC_MICROS && magic !== MAGIC_NANOS) {
    throw new DecodeError(WHAT, 0, "is not a pcap file");
  }
  const linkType = view.getUint32(20, littleEndian) & LINKTYPE_MASK;
  if (linkType !== LINKTYPE_CAN_SOCKETCAN) {
    throw new DecodeError(WHAT, 20, `link type ${linkType} is not 227, SocketCAN`);
  }
  return { littleEndian, perMicro: magic === MAGIC_NANOS ? 1000 : 1 };
}

/** One packet of link type 227, whose bytes are copied. Throws DecodeError. */
function decodePacket(packet: Uint8Array, origin: Pick<TraceRecord, "time" | "channel">) {
  if (packet.length < DATA_AT) throw new DecodeError(WHAT, 0, `packet of ${packet.length} bytes`);
  const view = viewOf(packet);
  const word = view.getUint32(0, false);
  const length = view.getUint8(LENGTH_AT);
  const flags = view.getUint8(FLAGS_AT);
  const fd = (flags & FD_FLAG.fdf) !== 0 || packet.length === FD_PACKET;
  const common = { ...origin, direction: undefined };
  const lengthFits = fd ? fdDlcOf(length) !== undefined : length <= CLASSIC_LENGTH;
  if (!lengthFits) throw new DecodeError(WHAT, LENGTH_AT, `no such data length: ${length}`);
  const dlc = length === CLASSIC_LENGTH ? rawDlc(view.getUint8(RAW_DLC_AT)) : length;
  if (hasFlag(word, CAN_RTR_FLAG) && !fd && !hasFlag(word, CAN_ERR_FLAG)) {
    return { ...common, kind: "remote", ...identityOf(word), dlc } as const;
  }
  const data = Uint8Array.from(packet.subarray(DATA_AT, DATA_AT + length));
  if (data.length < length) throw new DecodeError(WHAT, packet.length, "ends inside the data");
  if (hasFlag(word, CAN_ERR_FLAG)) {
    if (fd) throw new DecodeError(WHAT, FLAGS_AT, "an error frame is not FD");
    return { ...common, kind: "error", classes: word & LARGEST_EXTENDED_ID, data } as const;
  }
  const identity = identityOf(word);
  if (!fd) return { ...common, kind: "classic", ...identity, dlc, data } as const;
  if (hasFlag(word, CAN_RTR_FLAG)) throw new DecodeError(WHAT, 0, "a remote frame is not FD");
  return { ...common, kind: "fd", ...identity, flags: flags & 0x0f & ~FD_FLAG.fdf, data } as const;
}

function identityOf(word: number) {
  const extended = hasFlag(word, CAN_EFF_FLAG);
  const id = word & LARGEST_EXTENDED_ID;
  if (!extended && id > LARGEST_STANDARD_ID) {
    throw new DecodeError(WHAT, 0, `0x${id.toString(16)} is not an 11-bit identifier`);
  }
  return { id, extended };
}

const hasFlag = (word: number, flag: number) => (word & flag) !== 0;

/** Zero where the writer knew of none. */
const rawDlc = (value: number) => (value > CLASSIC_LENGTH && value <= 15 ? value : CLASSIC_LENGTH);

/** Reads either byte order, and times in micro- or nanoseconds. */
export class PcapReader implements TraceReader {
  readonly problems = new TraceProblems();
  readonly #channel: string;
  readonly #held = new Uint8Array(LONGEST_PACKET);
  #length = 0;
  #needed = FILE_HEADER;
  #header: FileHeader | undefined;
  /** Of the packet whose content comes next. */
  #time: { readonly seconds: number; readonly fraction: number } | undefined;
  #packets = 0;
  #lost = false;

  /** All records are given `channel`. */
  constructor(channel: string) {
    this.#channel = channel;
  }

  push(chunk: Uint8Array, take: (record: TraceRecord) => void): void {
    let at = 0;
    while (at < chunk.length && !this.#lost) {
      const part = chunk.subarray(at, at + this.#needed - this.#length);
      this.#held.set(part, this.#length);
      this.#length += part.length;
      at += part.length;
      if (this.#length === this.#needed) this.#complete(take);
    }
  }

  end(): void {
    if (this.#header === undefined) {
      throw new DecodeError(WHAT, this.#length, "ends inside the file header");
    }
    if (this.#lost || (this.#length === 0 && this.#time === undefined)) return;
    this.problems.add(
      this.#packets + (this.#time === undefined ? 1 : 0),
      "the file ends inside it",
    );
  }

  #complete(take: (record: TraceRecord) => void): void {
    const bytes = this.#held.subarray(0, this.#needed);
    this.#length = 0;
    if (this.#header === undefined) {
      this.#header = decodeFileHeader(bytes);
      this.#needed = PACKET_HEADER;
    } else if (this.#time === undefined) this.#beginPacket(viewOf(bytes), this.#header, take);
    else this.#endPacket(bytes, take);
  }

  #beginPacket(view: DataView, header: FileHeader, take: (record: TraceRecord) => void): void {
    const field = (at: number) => view.getUint32(at, header.littleEndian);
    const length = field(8);
    this.#packets += 1;
    this.#time = { seconds: field(0), fraction: Math.floor(field(4) / header.perMicro) };
    this.#needed = length;
    if (length > LONGEST_PACKET) {
      this.#lost = true;
      this.problems.add(this.#packets, `a packet of ${length} bytes: the rest was not read`);
    } else if (length === 0) this.#endPacket(new Uint8Array(), take);
  }

  #endPacket(bytes: Uint8Array, take: (record: TraceRecord) => void): void {
    const { seconds, fraction } = this.#time ?? { seconds: 0, fraction: 0 };
    this.#time = undefined;
    this.#needed = PACKET_HEADER;
    this.problems.during(this.#packets, () => {
      const time = traceTime(seconds * 1_000_000 + fraction, WHAT);
      take(decodePacket(bytes, { time, channel: this.#channel }));
    });
  }
}
