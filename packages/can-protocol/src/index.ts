export type {
  BusError,
  BusErrorKind,
  BusInfo,
  BusListener,
  BusState,
  CanBus,
  CanFrame,
} from "./bus.js";
