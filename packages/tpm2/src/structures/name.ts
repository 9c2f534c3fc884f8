/** Names (Part 1 §16): the algorithm and the digest of a public area. */
import { concatBytes, viewOf } from "@wattseal/base";
import { digestOf } from "../crypto/digest.js";
import type { Codec } from "../wire/codec.js";
import { Writer } from "../wire/writer.js";
import type { HashAlgorithm } from "./algorithms.js";
import { type NvPublic, nvPublic } from "./nv.js";
import { type Public, publicArea } from "./public.js";

function nameBy<T>(hash: HashAlgorithm, codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return concatBytes(Uint8Array.of(hash >> 8, hash & 0xff), digestOf(hash, writer.done()));
}

export function nameOf(object: Public): Uint8Array {
  return nameBy(object.nameAlgorithm, publicArea, object);
}

export function nvNameOf(index: NvPublic): Uint8Array {
  return nameBy(index.nameAlgorithm, nvPublic, index);
}

/** A PCR, session or permanent handle is its own name. */
export function handleName(handle: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, handle);
  return bytes;
}
