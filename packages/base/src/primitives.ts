import * as platform from "#primitives";
import type { Primitives } from "./primitives/types.js";

const { sha256, verifyEd25519, verifyP256 }: Primitives = platform;

export { sha256, verifyEd25519, verifyP256 };
