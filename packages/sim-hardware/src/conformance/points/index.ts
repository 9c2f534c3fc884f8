import * as commands from "./commands.js";
import * as fresh from "./fresh.js";
import * as handshake from "./handshake.js";
import { HELLO_FORM, HELLO_PACE } from "./hello.js";
import * as keys from "./keys.js";
import { PASSIVE_POINTS } from "./passive.js";
import type { Point } from "./point.js";
import * as receive from "./receive.js";
import * as robust from "./robust.js";
import * as silence from "./silence.js";
import * as telemetry from "./telemetry.js";

/** In the order of the run: what judges the whole of it comes last, and erase at the very end. */
export const POINTS: readonly Point[] = [
  HELLO_FORM,
  handshake.ANSWER,
  handshake.AUTHENTIC,
  handshake.PROOF,
  handshake.PROLOGUE,
  handshake.PEER,
  handshake.LENGTH,
  handshake.REPEAT,
  handshake.REPLAY,
  keys.SWITCH,
  keys.PROVE,
  keys.OVERLAP,
  keys.END,
  keys.EXPIRY,
  keys.TWO,
  telemetry.RATE,
  telemetry.TOO_FAST,
  telemetry.NOW,
  telemetry.TICK,
  receive.TAG,
  receive.BOUND,
  receive.REFLECTION,
  receive.REPLAY,
  receive.REPEATED,
  receive.GAP,
  receive.BEYOND,
  receive.SEGMENTS,
  receive.LATE,
  receive.SHORT,
  receive.ENDLESS_PDU,
  receive.PADDING,
  receive.LONGER,
  receive.BODY_LENGTH,
  receive.TYPES,
  receive.CLASS,
  receive.VALUES,
  fresh.STALE,
  fresh.AHEAD,
  fresh.LIMIT,
  fresh.HEARTBEAT,
  commands.CAPABILITIES,
  commands.OUTCOMES,
  commands.REQUESTS_ANSWERED,
  commands.STATEMENT,
  commands.STATE,
  commands.HEARTBEAT_LIMIT,
  commands.ISOLATE,
  silence.OFF,
  silence.PING,
  robust.CLEAR,
  robust.FLOOD,
  silence.RESET,
  robust.KEY_ROLL,
  handshake.EPHEMERALS,
  HELLO_PACE,
  ...PASSIVE_POINTS,
  robust.ERASE,
];
