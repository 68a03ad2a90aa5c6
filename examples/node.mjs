// Press a sound and hear what becomes of it.
//
//   TOKEN=$(jeffbot token YOUR_DISCORD_USER_ID) node examples/node.mjs airhorn
//
// The module has no dependencies; the bot serves it, too: http://localhost:8765/jeffbot.mjs. Node before 22 has no
// WebSocket of its own: npm install ws.
import { Jeffbot } from "../jeffbot/ws/web/jeffbot.mjs";

const sound = process.argv[2] ?? "airhorn";
const WebSocket = globalThis.WebSocket ?? (await import("ws")).default;

const client = await Jeffbot.connect(process.env.JEFFBOT_URL ?? "ws://localhost:8765", {
  token: process.env.TOKEN,
  WebSocket,
});
const events = await client.events("playback").subscribe();
const { title, channel, playback_id } = await client.play(sound);
console.log(`playing ${title} in ${channel}`);
for await (const event of events) {
  if (event.name === "playback.ended" && event.data.playback_id === playback_id) {
    console.log(event.data.reason);
    break;
  }
}
client.close();
