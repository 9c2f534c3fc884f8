export { EmbeddedBroker, type EmbeddedBrokerOptions } from "./broker/embedded.js";
export { type FederationCode, FederationError } from "./errors.js";
export { type Federation, type FederationOptions, startFederation } from "./federation.js";
export { MqttFleet, type MqttFleetOptions } from "./mqtt/client.js";
export { NatsFleet, type NatsFleetOptions } from "./nats/client.js";
export { OrderNotSent, OrdersClient } from "./orders/client.js";
export type { OrderStanding } from "./orders/relay.js";
export { type PackReply, QueryClient, type QueryClientOptions } from "./query/client.js";
export type { QuerySetting } from "./query/server.js";
export { type Taken, type TakenLog, type TakeOptions, takeLog } from "./rebuild/take.js";
export type { ReceiptLogStore, SignHead, StoredReceiptLog } from "./receipts/port.js";
export {
  RegistryClient,
  type RegistryClientOptions,
  RegistryOperator,
  RegistryRefusal,
} from "./registry/client.js";
export { type RegistryCode, RegistryError } from "./registry/errors.js";
export type { OpenRegistry, RegistrySetting } from "./registry/open.js";
export type { FinalState, RegistryStore } from "./registry/port.js";
export {
  type GrantedToken,
  LctRegistry,
  type LctStanding,
  type RegistryOptions,
} from "./registry/registry.js";
export { SqliteRegistryStore } from "./registry/sqlite.js";
export type { Standing } from "./registry/standing.js";
export { openStore, type StoreOptions } from "./store/open.js";
export {
  type FederationStore,
  type ForkEvidence,
  type GivenReceipt,
  type ModuleTwice,
  type PackCommit,
  type Poison,
  readStoredLog,
  type StoredHead,
  type StoredLeaves,
  type StoredPack,
  type StoredPosition,
  type StoredReceipt,
} from "./store/port.js";
export { type PostgresOptions, PostgresStore } from "./store/postgres/postgres.js";
export { SqliteStore } from "./store/sqlite/sqlite.js";
export type { Gap, SaidGap } from "./worker/gaps.js";
export type {
  BrokerAccount,
  Delivery,
  FleetPort,
  IngestChannel,
  Publish,
  TlsMaterial,
} from "./worker/ports.js";
export type { RefusalReason } from "./worker/refused.js";
export type { StatementKeys } from "./worker/statements.js";
export type { EpochCount, FederationStats, PackSummary } from "./worker/stats.js";
export { FederationWorker, type WorkerOptions } from "./worker/worker.js";
