export { type Aead, createAead, MAX_COUNTER, TAG_LENGTH } from "./aead.js";
export {
  COUNTER_STATEMENT_LENGTH,
  type CounterReading,
  CounterStatementReader,
  unverifiedCounterStatement,
  writeCounterStatement,
} from "./counter-statement.js";
export { DeviceKeysError, type DeviceKeysErrorCode } from "./errors.js";
export { type DeviceCustody, DeviceHalf, HALF_LENGTH, inMemory, type PackCustody } from "./half.js";
export { deriveKey, hmacSha256, noiseHkdf } from "./hkdf.js";
export {
  KkInitiator,
  type KkInitiatorOptions,
  KkResponder,
  type KkResponderOptions,
  type KkSession,
} from "./kk.js";
export {
  compareLabel,
  LABEL_GROUPS,
  LABEL_GROUPS_NEEDED,
  type LabelVerdict,
  labelGroups,
  labelText,
} from "./label.js";
export {
  beginKeyRoll,
  decodeModulePairing,
  decodePackPairing,
  encodeModulePairing,
  encodePackPairing,
  endKeyRoll,
  holdsPackHalf,
  type ModulePairing,
  type PackPairing,
  type PairedModule,
} from "./pairing.js";
export { TransportCipher } from "./transport.js";
