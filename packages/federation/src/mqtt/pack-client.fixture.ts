import mqtt, { type IClientOptions, type MqttClient } from "mqtt";

/** A pack's connection as a gateway makes it: its name is client id and user name, its session persists. */
function openPackClient(
  url: string,
  name: string,
  options: IClientOptions = {},
): MqttClient {
  const client = mqtt.connect(url, {
    clientId: name,
    username: name,
    protocolVersion: 4,
    clean: false,
    resubscribe: false,
    reconnectPeriod: 0,
    ...options,
  });
  client.on("error", () => {});
  return client;
}

/** As `openPackClient`, and connected. */
export async function connectPackClient(url: string, name: string): Promise<MqttClient> {
  const client = openPackClient(url, name);
  await new Promise<void>((resolve) => {
    client.once("connect", () => resolve());
  });
  return client;
}
