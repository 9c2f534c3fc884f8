import type { Millis } from "@wattseal/base";
import { CanProtocolError } from "../errors.js";
import type { Link, LinkStatus, PackLinkEffect, PackLinkEvent, PackLinkOptions } from "./types.js";

/** The pack's end of the link to one module. */
export class PackLink implements Link<PackLinkEvent, PackLinkEffect> {
  readonly options: PackLinkOptions;
  constructor(options: PackLinkOptions) {
    this.options = options;
  }
  get deadline(): Millis | undefined {
    return undefined;
  }
  get status(): LinkStatus {
    throw new CanProtocolError("session-over", "invariant", "not built yet");
  }
  handle(_event: PackLinkEvent, _now: Millis): readonly PackLinkEffect[] {
    throw new CanProtocolError("session-over", "invariant", "not built yet");
  }
}
